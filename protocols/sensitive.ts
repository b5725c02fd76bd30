// Values that are marked as sensitive: an Octopus variable of the type "Sensitive", or with IsSensitive set, that has a value,
// however deep it stands. What holds one belongs into a sealed feed as a whole.

import type { Json } from './envelope.ts';
import { MeshError } from './errors.ts';

const MARK = 'Sensitive';

/** Path of the first sensitive value, as `Variables.1.Value`; undefined when there is none. */
export function findSensitive(json: Json): string | undefined {
  // Walked with a list of its own: documents come from outside and may be deep.
  const waiting: { readonly value: Json; readonly path: string }[] = [{ value: json, path: '' }];
  for (let next = waiting.pop(); next; next = waiting.pop()) {
    const { value, path } = next;
    if (typeof value !== 'object' || value === null) continue;
    const fields = Object.entries(value as Readonly<Record<string, Json>>);
    if (isMarked(value as Readonly<Record<string, Json>>)) {
      const name = ['Value', 'NewValue', 'DefaultValue'].find((key) =>
        hasValue((value as Readonly<Record<string, Json>>)[key]),
      );
      if (name) return `${path}${name}`;
    }
    for (const [key, inner] of fields.reverse())
      waiting.push({ value: inner, path: `${path}${key}.` });
  }
  return undefined;
}

function isMarked(fields: Readonly<Record<string, Json>>): boolean {
  return fields['Type'] === MARK || fields['IsSensitive'] === true || 'NewValue' in fields;
}

/** Octopus answers with null, or with an object that says whether there is one, in place of the value itself. */
function hasValue(value: Json | undefined): boolean {
  if (value === undefined || value === null || value === '') return false;
  if (typeof value !== 'object') return true;
  return hasValue((value as Readonly<Record<string, Json>>)['NewValue']);
}

/**
 * @param item that has this content
 * @throws SENSITIVE_VALUE for content of a feed that is not sealed
 */
export function refuseSensitive(text: string, item: string): void {
  // Most content says nothing of the kind; finding that out is native.
  if (!text.includes(MARK) && !text.includes('NewValue')) return;
  let json: Json;
  try {
    json = JSON.parse(text) as Json;
  } catch {
    // What JSON it should be is checked elsewhere.
    return;
  }
  const path = findSensitive(json);
  if (path === undefined) return;
  const message = `${JSON.stringify(item)} holds a sensitive value`;
  throw new MeshError('SENSITIVE_VALUE', message, { detail: { path } });
}
