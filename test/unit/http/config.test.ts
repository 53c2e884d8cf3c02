import assert from 'node:assert/strict';
import { ConfigError, readConfig } from '../../../server/src/config.ts';

describe('configuration', () => {
  it('needs nothing: it is for this machine alone', () => {
    const { host, port, auth, archive, engine } = readConfig({});
    assert.deepEqual([host, port, auth, archive, engine.provider], ['127.0.0.1', 8700, null, null, 'auto']);
  });

  it('takes an empty variable for an absent one, as container files write it', () => {
    assert.deepEqual(readConfig({ DATABASE_URL: '', HEPAR_AUTH: '', HEPAR_PORT: '' }), readConfig({}));
  });

  it('reads the archive with its credentials', () => {
    const config = readConfig({
      HEPAR_DICOMWEB_URL: 'https://pacs.example/dicom-web',
      HEPAR_DICOMWEB_USERNAME: 'u',
      HEPAR_DICOMWEB_PASSWORD: 'p',
    });
    assert.deepEqual(config.archive, { url: 'https://pacs.example/dicom-web', username: 'u', password: 'p' });
  });

  it('names every bad value in a line of its own, and repeats no secret', () => {
    const bad = {
      HEPAR_DEVICE: '-1',
      HEPAR_CPU_FALLBACK: 'maybe',
      HEPAR_OVERLAP: '0.9',
      HEPAR_MIRROR: 'x,w',
      HEPAR_PORT: '70000',
      HEPAR_AUTH: 'token:short-secret',
      HEPAR_DICOMWEB_URL: 'ftp://user:hunter2@pacs',
      HEPAR_PROVIDER: 'gpu',
      HEPAR_ALLOWED_ORIGINS: 'https://viewer.example/path',
      HEPAR_ALLOWED_HOSTS: 'a:80',
      HEPAR_THREADS: '0',
      DATABASE_URL: 'mysql://x',
    };
    let problems: readonly string[] = [];
    try {
      readConfig(bad);
    } catch (error) {
      assert.ok(error instanceof ConfigError);
      problems = error.problems;
    }
    assert.deepEqual(problems.map((line) => line.split(' ')[0]).sort(), Object.keys(bad).sort());
    for (const line of problems) {
      assert.match(line, /^[A-Z_]+ must be .+\.$/);
      assert.doesNotMatch(line, /hunter2|short-secret/);
    }
  });

  it('reads tokens with and without names, also such as end in equals signs', () => {
    const { auth } = readConfig({ HEPAR_AUTH: 'token:c2VjcmV0c2VjcmV0c2VjcmV0c2U=,clinic=another-secret-here' });
    assert.deepEqual(auth, [
      { name: 'token', secret: 'c2VjcmV0c2VjcmV0c2VjcmV0c2U=' },
      { name: 'clinic', secret: 'another-secret-here' },
    ]);
    for (const HEPAR_AUTH of [
      'none',
      'token:',
      'basic:user:password-long-enough',
      'token:ok-secret-ok-secret,',
      'oidc:x',
    ]) {
      assert.throws(() => readConfig({ HEPAR_AUTH }), ConfigError, HEPAR_AUTH);
    }
  });
});
