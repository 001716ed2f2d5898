import type { OpenAPIObject } from '@nestjs/swagger';

/** An operation of the OpenAPI document; the package that makes it does not export the parts of its type. */
export type OperationObject = NonNullable<OpenAPIObject['paths'][string]['get']>;

export type ResponseObject = Exclude<OperationObject['responses'][string], undefined | { $ref: string }>;

export type HeadersObject = NonNullable<ResponseObject['headers']>;

export type ContentObject = NonNullable<ResponseObject['content']>;
