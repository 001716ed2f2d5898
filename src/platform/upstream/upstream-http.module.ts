import { HttpModule, HttpService } from '@nestjs/axios';
import { Module } from '@nestjs/common';
import { UndiciTransport } from './undici-transport.js';

/** Settings that axios brings along for browsers and forms. They mean nothing here, and are merged into every call. */
const MEANINGLESS = ['env', 'transitional'] as const;

/** Provides the `HttpService` for calls to other services. One transport, and one set of connections, for all. */
@Module({
  imports: [
    HttpModule.registerAsync({
      extraProviders: [UndiciTransport],
      inject: [UndiciTransport],
      useFactory: (transport: UndiciTransport) => transport.axiosDefaults(),
    }),
  ],
  exports: [HttpModule],
})
export class UpstreamHttpModule {
  constructor({ axiosRef: { defaults } }: HttpService) {
    for (const setting of MEANINGLESS) delete defaults[setting];
    // A call has all of its header fields; these are a list for each method.
    for (const method of Object.keys(defaults.headers)) delete defaults.headers[method];
  }
}
