import { strictEqual } from 'node:assert';
import { decodeText } from '../../../server/src/dicom/character-set.ts';

/** Names from the standard's own examples (PS3.5 annexes H, I, J and K), and one of each other set. */
const NAMES: readonly (readonly [sets: string, bytes: string, text: string])[] = [
  ['', '41 64 61 6d 73', 'Adams'],
  ['ISO_IR 100', '42 75 63 5e 4a e9 72 f4 6d 65', 'Buc^Jérôme'],
  ['ISO_IR 100', 'c4 6e 65 61 73 5e 52 fc 64 69 67 65 72', 'Äneas^Rüdiger'],
  ['ISO_IR 101', '57 61 b3 ea 73 61', 'Wałęsa'],
  ['ISO_IR 110', 'be 65 6c 76 79 73', 'želvys'],
  ['ISO_IR 144', 'bb ee da 63 65 dc d1 79 70 d3', 'Люкceмбypг'],
  ['ISO_IR 127', 'e2 c8 c7 e6 ea 5e e4 e6 d2 c7 d1', 'قباني^لنزار'],
  ['ISO_IR 126', 'c4 e9 ef ed f5 f3 e9 ef f2', 'Διονυσιος'],
  ['ISO_IR 138', 'f9 f8 e5 ef 5e e3 e1 e5 f8 e4', 'שרון^דבורה'],
  ['ISO_IR 148', 'de fd f0', 'Şığ'],
  ['ISO_IR 166', 'ca c1 aa d2 c2', 'สมชาย'],
  ['ISO_IR 192', '57 61 6e 67 3d e7 8e 8b 5e e5 b0 8f e6 9d b1', 'Wang=王^小東'],
  ['GB18030', '57 61 6e 67 3d cd f5 5e d0 a1 b6 ab', 'Wang=王^小东'],
  ['GBK', '57 61 6e 67 3d cd f5 5e d0 a1 b6 ab', 'Wang=王^小东'],
  ['ISO_IR 13', 'd4 cf c0 de 5e c0 db b3', 'ﾔﾏﾀﾞ^ﾀﾛｳ'],
  [
    '\\ISO 2022 IR 87',
    '59 61 6d 61 64 61 5e 54 61 72 6f 75 3d 1b 24 42 3b 33 45 44 1b 28 42 5e 1b 24 42 42 40 4f 3a 1b 28 42 3d 1b 24 42 24 64 24 5e 24 40 1b 28 42 5e 1b 24 42 24 3f 24 6d 24 26 1b 28 42',
    'Yamada^Tarou=山田^太郎=やまだ^たろう',
  ],
  [
    'ISO 2022 IR 13\\ISO 2022 IR 87',
    'd4 cf c0 de 5e c0 db b3 3d 1b 24 42 3b 33 45 44 1b 28 4a 5e 1b 24 42 42 40 4f 3a 1b 28 4a 3d 1b 24 42 24 64 24 5e 24 40 1b 28 4a 5e 1b 24 42 24 3f 24 6d 24 26 1b 28 4a',
    'ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう',
  ],
  // 春 is 0x3d55: its first byte looks like the '=' between the groups of a name. 表 of 0x493d ends in one.
  ['\\ISO 2022 IR 87', '1b 24 42 3d 55 49 3d 1b 28 42 5e 41', '春表^A'],
  ['\\ISO 2022 IR 159', '1b 24 28 44 30 21 1b 28 42', '丂'],
  [
    '\\ISO 2022 IR 149',
    '48 6f 6e 67 5e 47 69 6c 64 6f 6e 67 3d 1b 24 29 43 fb f3 5e 1b 24 29 43 d1 ce d4 d7 3d 1b 24 29 43 c8 ab 5e 1b 24 29 43 b1 e6 b5 bf',
    'Hong^Gildong=洪^吉洞=홍^길동',
  ],
  [
    '\\ISO 2022 IR 58',
    '5a 68 61 6e 67 5e 58 69 61 6f 44 6f 6e 67 3d 1b 24 29 41 d5 c5 5e 1b 24 29 41 d0 a1 b6 ab 3d',
    'Zhang^XiaoDong=张^小东=',
  ],
  ['ISO 2022 IR 100\\ISO 2022 IR 144', 'fc 1b 2d 4c bb ee 5e fc', 'üЛю^ü'],
  ['SOMETHING ELSE', 'e9', 'é'],
];

describe('text in a Specific Character Set', () => {
  for (const [sets, bytes, text] of NAMES) {
    it(`${sets || 'the default'}: ${text}`, () => {
      strictEqual(decodeText(Buffer.from(bytes.replaceAll(' ', ''), 'hex'), sets.split('\\')), text);
    });
  }
});
