import type { Type } from '@nestjs/common';
import { defaultMetadataStorage } from 'class-transformer/cjs/storage.js';
import { getMetadataStorage } from 'class-validator';
import { type FieldError, MAX_ERRORS } from '../problem.js';

/**
 * Values in a body: objects, lists and their content. The largest request, a bulk change of 1,000 orders, has 3,003.
 * The libraries of the pipe copy every value, at up to a microsecond each, before they check any rule.
 */
export const MAX_VALUES = 10_000;

export const UNKNOWN_FIELD = 'is not a known field';

/** Name of the rule of an object whose keys the client chooses; its first constraint is their maximum number. */
export const FLAT_OBJECT = 'isFlatObject';

/** The rules of one field of a class. */
interface FieldRules {
  /** Maximum length of a list, and the message for a longer one. */
  most: number;
  message: string;
  /** Maximum number of keys that the client chooses. */
  mostKeys: number;
  /** Class of the object, or of the objects in the list. */
  type: Type | undefined;
}

type ClassRules = ReadonlyMap<string, FieldRules>;

const rulesByClass = new Map<Type, ClassRules>();

function rulesOf(type: Type): ClassRules {
  const known = rulesByClass.get(type);
  if (known) return known;
  const rules = new Map<string, FieldRules>();
  for (const { propertyName } of getMetadataStorage().getTargetValidationMetadatas(type, '', false, false)) {
    const nested = defaultMetadataStorage.findTypeMetadata(type, propertyName)?.typeFunction() as
      Type | undefined;
    const isClass = nested !== undefined && ![Number, String, Boolean, Date].includes(nested as never);
    rules.set(propertyName, {
      most: Infinity,
      message: '',
      mostKeys: 0,
      type: isClass ? nested : undefined,
    });
  }
  for (const rule of getMetadataStorage().getTargetValidationMetadatas(type, '', false, false)) {
    const field = rules.get(rule.propertyName);
    if (rule.name === FLAT_OBJECT && field) field.mostKeys = Number(rule.constraints[0]);
    if (rule.name !== 'arrayMaxSize' || !field) continue;
    field.most = Number(rule.constraints[0]);
    field.message =
      typeof rule.message === 'string' ? rule.message : `must have at most ${field.most} elements`;
  }
  rulesByClass.set(type, rules);
  return rules;
}

/** Path of a nested field as clients write it: `items[0].quantity`. */
export function fieldPath(parent: string, property: string): string {
  if (/^\d+$/.test(property)) return `${parent}[${property}]`;
  return parent === '' ? property : `${parent}.${property}`;
}

/** A query whose flat objects are written member by member: `metadata.color=red` becomes `{metadata: {color: 'red'}}`. */
export function gatherMembers(query: object, type: Type): object {
  const flat = [...rulesOf(type)].flatMap(([name, { mostKeys }]) => (mostKeys > 0 ? [name] : []));
  const members: [string, unknown][] = [];
  const objects = new Map<string, [string, unknown][]>();
  for (const [name, value] of Object.entries(query)) {
    const object = flat.find((each) => name.startsWith(`${each}.`) && !Object.hasOwn(query, each));
    if (object === undefined) members.push([name, value]);
    else objects.set(object, [...(objects.get(object) ?? []), [name.slice(object.length + 1), value]]);
  }
  if (objects.size === 0) return query;
  return Object.fromEntries([
    ...members,
    ...[...objects].map(([name, list]) => [name, Object.fromEntries(list)]),
  ]);
}

/** Whether there are more values than a request may have. Stops counting there. */
export function hasTooManyValues(value: unknown): boolean {
  let count = 0;
  const visit = (content: unknown): boolean => {
    count += 1;
    if (count > MAX_VALUES) return true;
    return typeof content === 'object' && content !== null && Object.values(content).some(visit);
  };
  return visit(value);
}

/**
 * Errors that make it pointless to check any rule, and that would make it expensive: lists that are too long or within
 * lists, objects with too many keys, and more unknown fields than a response names.
 */
export function findExcess(body: object, type: Type): FieldError[] {
  const search = new ExcessSearch();
  search.visit(body, type, '');
  return search.result();
}

/**
 * Empties objects without a class, lists without a maximum, and what is nested in flat objects and lists of scalars. They
 * make the request invalid, and the libraries of the pipe would copy their content first, at up to ten microseconds a
 * value.
 */
export function emptyUnexpected(body: object, type: Type): void {
  const rules = rulesOf(type);
  for (const [name, content] of Object.entries(body)) {
    if (!isObject(content)) continue;
    const about = rules.get(name);
    const isList = Array.isArray(content);
    if (about?.type) {
      for (const object of isList ? content : [content]) {
        if (isObject(object)) emptyUnexpected(object, about.type);
      }
    } else if (about && (isList ? about.most < Infinity : about.mostKeys > 0)) {
      emptyNested(content);
    } else {
      (body as Record<string, unknown>)[name] = isList ? [] : {};
    }
  }
}

function emptyNested(content: object): void {
  for (const [name, value] of Object.entries(content)) {
    if (isObject(value)) (content as Record<string, unknown>)[name] = {};
  }
}

class ExcessSearch {
  private readonly excess: FieldError[] = [];
  private readonly unknown: FieldError[] = [];

  result(): FieldError[] {
    if (this.excess.length > 0) return this.excess;
    return this.unknown.length > MAX_ERRORS ? this.unknown : [];
  }

  visit(value: object, type: Type, path: string): void {
    const rules = rulesOf(type);
    for (const name of Object.keys(value)) {
      if (this.isDone()) return;
      const about = rules.get(name);
      const content = (value as Record<string, unknown>)[name];
      if (!about) this.unknown.push({ field: fieldPath(path, name), message: UNKNOWN_FIELD });
      else if (Array.isArray(content)) this.visitList(content, about, fieldPath(path, name));
      else if (about.type && isObject(content)) this.visit(content, about.type, fieldPath(path, name));
      else if (about.mostKeys > 0 && isObject(content)) this.visitKeys(content, about, fieldPath(path, name));
    }
  }

  private visitList(list: readonly unknown[], { most, message, type }: FieldRules, path: string): void {
    if (list.length > most) this.excess.push({ field: path, message });
    if (list.length > most || !type) return;
    for (const [index, element] of list.entries()) {
      if (this.isDone()) return;
      const field = `${path}[${index}]`;
      if (Array.isArray(element)) this.excess.push({ field, message: 'must be an object' });
      else if (isObject(element)) this.visit(element, type, field);
    }
  }

  private visitKeys(content: object, { mostKeys }: FieldRules, path: string): void {
    if (Object.keys(content).length <= mostKeys) return;
    this.excess.push({ field: path, message: `must have at most ${mostKeys} keys` });
  }

  private isDone(): boolean {
    return this.excess.length > MAX_ERRORS || this.unknown.length > MAX_ERRORS;
  }
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
