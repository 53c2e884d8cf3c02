import { match, ok, strictEqual } from 'node:assert';
import { spawnSync } from 'node:child_process';

/** docker-compose checks the file against the compose specification's schema; no engine is needed for that. */
function config(environment: Record<string, string>, ...args: string[]) {
  const { PATH } = process.env;
  return spawnSync('docker-compose', [...args, 'config'], { encoding: 'utf8', env: { PATH, ...environment } });
}

describe('docker-compose.yml', () => {
  const secrets = { HEPAR_ARCHIVE_PASSWORD: 'archive-secret', HEPAR_TOKEN: 'token-secret' };

  before(function () {
    if (spawnSync('docker-compose', ['version']).status !== 0) this.skip();
  });

  for (const profile of ['cpu', 'nvidia', 'postgres']) {
    it(`keeps to the compose specification with the profile '${profile}'`, () => {
      const { status, stdout, stderr } = config(secrets, '--profile', profile);
      strictEqual(status, 0, stderr);
      match(stdout, /orthancteam\/orthanc:\d/);
      match(
        stdout,
        profile === 'nvidia' ? /driver: nvidia/ : profile === 'postgres' ? /image: postgres:/ : /companion:/,
      );
    });
  }

  it('does not start without a password', () => {
    const { status, stderr } = config({});
    strictEqual(status, 1);
    match(stderr, /HEPAR_ARCHIVE_PASSWORD|HEPAR_TOKEN/);
  });

  it('publishes its ports on the loopback interface only', () => {
    const published = config(secrets, '--profile', 'cpu').stdout.match(/- [\d.]+:\d+:\d+\/tcp/g) ?? [];
    ok(published.length >= 2);
    for (const port of published) match(port, /- 127\.0\.0\.1:/);
  });
});
