import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { Marked, type Token } from 'marked';

const PROJECT = fileURLToPath(new URL('../../', import.meta.url));

const DOCUMENTS = [
  'README.md',
  'SECURITY.md',
  ...readdirSync(join(PROJECT, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => join('docs', name)),
];

/** Paragraphs that begin like a table row: they are rendered as text with bars. */
function brokenRows(text: string): string[] {
  const broken: string[] = [];
  const markdown = new Marked({ gfm: true });
  // Synchronous: its asynchronous result is for asynchronous extensions only.
  void markdown.walkTokens(markdown.lexer(text), (token: Token) => {
    if (token.type === 'paragraph' && token.raw.startsWith('|')) broken.push(token.raw.split('\n')[0] ?? '');
  });
  return broken;
}

describe('tables of a document', () => {
  it.each(DOCUMENTS)('are rendered completely: %s', (document) => {
    expect(brokenRows(readFileSync(join(PROJECT, document), 'utf8'))).toEqual([]);
  });

  it('are broken by an empty line', () => {
    const table = '| a | b |\n| - | - |\n| 1 | 2 |\n';
    expect(brokenRows(table)).toEqual([]);
    expect(brokenRows(`${table}\n| 3 | 4 |\n`)).toEqual(['| 3 | 4 |']);
  });
});
