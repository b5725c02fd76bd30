import { describe, expect, it } from 'vitest';
import { BUILT_IN_CONTEXTS, checkContent } from '../../../protocols/contexts.ts';
import { parseContextName, parseFeedName, parseItemName } from '../../../protocols/ids.ts';
import { LIMITS } from '../../../protocols/limits.ts';
import {
  changedTemplate,
  connectionStrings,
  environments,
  serverExtension,
  settlementVariables,
  stepTemplates,
  users,
  variableSets,
} from '../../../tui/demo/samples.ts';
import { plannedFeeds } from '../../../tui/demo/setup.ts';
import { sha256Hex } from '../../../tui/demo/witness.ts';

const documents = [
  ...variableSets(),
  ...stepTemplates(),
  ...environments(),
  ...users(),
  settlementVariables(1),
  changedTemplate(2),
];

const parse = (bytes: Buffer): Record<string, unknown> =>
  JSON.parse(new TextDecoder().decode(bytes)) as Record<string, unknown>;

describe('sample data of the demo', () => {
  it('is the same in every run', () => {
    expect(serverExtension().bytes.equals(serverExtension().bytes)).toBe(true);
    expect(sha256Hex(serverExtension().bytes)).toBe(
      '6bb48421d38a0ac31e4564857205880b358076707765ecd0027ea8cad14d298f',
    );
    expect(stepTemplates()).toEqual(stepTemplates());
  });

  it('has items with names that feeds take, each once in its feed', () => {
    for (const { wish, samples } of plannedFeeds()) {
      parseFeedName(wish.name);
      const names = samples.map(({ item }) => parseItemName(item));
      expect(new Set(names).size).toBe(names.length);
    }
  });

  it('is content that the context of its feed takes', () => {
    for (const { wish, samples } of plannedFeeds()) {
      const context = BUILT_IN_CONTEXTS.find(({ name }) => name === parseContextName(wish.context));
      expect(context).toBeDefined();
      for (const { item, bytes } of samples) checkContent(context!, bytes, item);
    }
  });

  it('is JSON of an object, whatever stands before it', () => {
    for (const { bytes } of documents) expect(parse(bytes)).toBeTypeOf('object');
  });

  it('has a document that begins with a byte-order mark, as real exports do', () => {
    const marked = stepTemplates().filter(({ bytes }) => bytes[0] === 0xef);
    expect(marked).toHaveLength(1);
  });

  it('has an extension that is too large for one chunk and no JSON', () => {
    const { bytes } = serverExtension();
    expect(bytes).toHaveLength(300_000);
    expect(bytes.length).toBeGreaterThan(LIMITS.chunkBytes);
    expect(() => JSON.parse(bytes.toString('utf8'))).toThrow(SyntaxError);
  });

  it('has secrets in name only', () => {
    const sets = [...variableSets(), settlementVariables(1), settlementVariables(2)];
    const variables = sets.flatMap(
      ({ bytes }) => parse(bytes)['Variables'] as { IsSensitive: boolean; Value: unknown }[],
    );
    const secrets = variables.filter(({ IsSensitive }) => IsSensitive);
    expect(secrets.length).toBeGreaterThan(0);
    for (const { Value } of secrets) expect(Value).toBeNull();
  });

  it('has variable ids that are unique in their set', () => {
    for (const { bytes } of variableSets()) {
      const ids = (parse(bytes)['Variables'] as { Id: string }[]).map(({ Id }) => Id);
      expect(new Set(ids).size).toBe(ids.length);
    }
  });

  it('differs from version to version of one item and keeps its name', () => {
    expect(connectionStrings(1).item).toBe(connectionStrings(2).item);
    expect(connectionStrings(1).bytes.equals(connectionStrings(2).bytes)).toBe(false);
    const template = changedTemplate(2);
    const before = stepTemplates().find(({ item }) => item === template.item);
    expect(before?.bytes.equals(template.bytes)).toBe(false);
    expect(parse(before!.bytes)['Id']).toBe(parse(template.bytes)['Id']);
  });
});
