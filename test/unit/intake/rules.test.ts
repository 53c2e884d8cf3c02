import { deepEqual, equal, match, ok, throws } from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { parseRules, RulesError } from '../../../server/src/intake/rules.ts';

/** The problems of a file of rules. */
function problemsOf(text: string): readonly string[] {
  try {
    parseRules(text);
  } catch (error) {
    if (error instanceof RulesError) return error.problems;
    throw error;
  }
  return [];
}

describe('a file of rules', () => {
  it('that is in the repository can be used as it is', async () => {
    const { rules } = parseRules(await readFile('orthanc/rules.yaml', 'utf8'));
    deepEqual(
      rules.map(({ name, series }) => [name, series]),
      [['abdomen', 'best']],
    );
  });

  it('that names a rule and no more takes new CT that suits, one series a study, after every click', () => {
    const { rules } = parseRules('rules: [{name: all}]');
    deepEqual(rules, [
      {
        name: 'all',
        when: { modality: ['CT'], ageDays: { atMost: 30 }, score: { atLeast: 30 } },
        series: 'best',
        priority: 10,
        send: [],
      },
    ]);
  });

  const inRule = (line: string) => `rules:\n  - name: a\n    ${line}\n`;
  for (const [what, text, problem] of [
    ['nothing', '', /^line 1: rules must be a list of rules$/],
    ['no rule', 'rules: []', /^line 1: rules must hold a rule$/],
    ['no YAML', 'rules:\n  - name: [', /^line 2: Flow sequence .* must be sufficiently indented/],
    ['a key twice', inRule('name: b'), /^line 3: Map keys must be unique$/],
    [
      'an unknown key',
      inRule('when: {modalty: CT}'),
      /^line 3: rules\[1\]\.when\.modalty does not exist; there is modality,/,
    ],
    ['an unknown key of a rule', inRule('then: x'), /^line 3: rules\[1\]\.then does not exist; there is name, when,/],
    ['an unknown key at the top', 'rule: 1\nrules: [{name: a}]', /^line 1: rule does not exist; there is rules,/],
    [
      'a broken pattern',
      inRule("when: {description: '(abd'}"),
      /^line 3: .*description.* is not a pattern: missing closing \): `\(abd`$/,
    ],
    [
      'a look-ahead',
      inRule("when: {description: '(?=abd)'}"),
      /is not a pattern: invalid or unsupported Perl syntax: `\(\?=`$/,
    ],
    [
      'a pattern without end',
      inRule(`when: {description: '${'a'.repeat(501)}'}`),
      /must not be longer than 500 characters$/,
    ],
    [
      'a repetition without end',
      inRule("when: {description: '(a{1000}){1000}'}"),
      /is not a pattern: invalid repeat count/,
    ],
    [
      'contradictory numbers',
      inRule('when: {slices: {atLeast: 9, atMost: 3}}'),
      /slices contradicts itself: atLeast is greater than atMost$/,
    ],
    ['an empty range', inRule('when: {slices: {}}'), /slices needs atLeast, atMost or both$/],
    ['a negative age', inRule('when: {ageDays: {atMost: -1}}'), /ageDays\.atMost must be at least 0$/],
    ['a number in words', inRule('when: {ageDays: {atMost: ten}}'), /ageDays\.atMost must be a number$/],
    [
      'no orientation',
      inRule('when: {orientation: sideways}'),
      /orientation.* must be axial, coronal, sagittal or oblique$/,
    ],
    [
      'no phase',
      inRule('when: {phase: [early]}'),
      /phase.* must be portal venous, arterial, delayed, unenhanced or unknown$/,
    ],
    ['no hours', inRule("hours: '25:00-26:00'"), /hours must be like '18:00-06:30'$/],
    ['hours of no length', inRule("hours: '18:00-18:00'"), /hours must not begin and end at the same time$/],
    ['the priority of a click', inRule('priority: 100'), /priority must be at most 99$/],
    ['no way to choose', inRule('series: some'), /series must be best or all$/],
    ['an unknown destination', inRule('send: nowhere'), /send names nowhere, which is not among the destinations$/],
    [
      'a destination of two kinds',
      `${inRule('series: all')}destinations: {w: {modality: A, dicomweb: B}}`,
      /^line 4: destinations\.w must have modality: or dicomweb:/,
    ],
    ['two rules of one name', 'rules: [{name: a}, {name: a}]', /rules\[2\]\.name is the name of an earlier rule$/],
    ['a rule without name', 'rules: [{series: all}]', /^line 1: rules\[1\]\.name /],
  ] as const) {
    it(`with ${what} is refused in one clear line`, () => {
      const problems = problemsOf(text);
      equal(problems.length, 1, problems.join('\n'));
      match(problems[0]!, problem);
      ok(!problems[0]!.includes('\n'));
    });
  }

  it('with several mistakes names each one with its line', () => {
    const problems = problemsOf(
      'rules:\n  - name: a\n    series: x\n  - name: b\n    when: {foo: 1, slices: {}}\n    priority: 1.5\n',
    );
    deepEqual(
      problems.map((problem) => problem.slice(0, 7)),
      ['line 3:', 'line 5:', 'line 5:', 'line 6:'],
    );
  });

  it('cannot stop the server with a pattern that others need an age of the world for', () => {
    const { rules } = parseRules(inRule("when: {description: '^(a+)+$'}"));
    const began = performance.now();
    equal(rules[0]!.when.description![0]!.test(`${'a'.repeat(64)}!`), false);
    equal(rules[0]!.when.description![0]!.test('AAA'), true, 'upper and lower case are the same');
    ok(performance.now() - began < 1000);
    throws(() => parseRules(inRule('when: {description: &a [*a]}')), RulesError);
  });
});
