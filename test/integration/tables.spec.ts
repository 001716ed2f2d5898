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

/** Paragraphs that begin like the row of a table: they are shown as text with bars. */
function brokenRows(text: string): string[] {
  const broken: string[] = [];
  const markdown = new Marked({ gfm: true });
  // Synchronous: what it returns is for callbacks that are not.
  void markdown.walkTokens(markdown.lexer(text), (token: Token) => {
    if (token.type === 'paragraph' && token.raw.startsWith('|')) broken.push(token.raw.split('\n')[0] ?? '');
  });
  return broken;
}

describe('the tables of a document', () => {
  it.each(DOCUMENTS)('are rendered whole: %s', (document) => {
    expect(brokenRows(readFileSync(join(PROJECT, document), 'utf8'))).toEqual([]);
  });

  it('are not whole after an empty line', () => {
    const table = '| a | b |\n| - | - |\n| 1 | 2 |\n';
    expect(brokenRows(table)).toEqual([]);
    expect(brokenRows(`${table}\n| 3 | 4 |\n`)).toEqual(['| 3 | 4 |']);
  });
});
