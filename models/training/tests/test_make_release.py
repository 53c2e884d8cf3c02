"""The chain of commands that takes a machine from nothing to exported weights, at a tiny size, with a call that ends early."""
import json
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from hepar_training.make_release import MORE_TO_DO


def call(work: Path, *words: str) -> subprocess.CompletedProcess:
    command = [
        sys.executable, '-W', 'ignore', '-m', 'hepar_training.make_release', '--work', work, '--out', work / 'out', '--size', 'tiny', '--device', 'cpu',
        '--first-volumes', 2, '--volumes', 2, '--workers', 1, '--loaders', 0, '--locate-iterations', 2, '--segment-iterations', 2, '--shape-voxels', 36,
    ]  # fmt: skip
    return subprocess.run([*map(str, command), *words], capture_output=True, text=True, cwd=Path(__file__).parents[1], check=False)


class Chain(unittest.TestCase):
    def test_a_call_without_time_asks_for_another_and_one_with_time_exports(self):
        with tempfile.TemporaryDirectory() as name:
            work = Path(name)
            early = call(work, '--seconds', '1')
            self.assertEqual(early.returncode, MORE_TO_DO, early.stderr)
            self.assertIn('locate: 0 volumes, 0 of 2 iterations. Run again to go on.', early.stdout)
            self.assertFalse((work / 'out').exists())
            done = call(work, '--seconds', '900', '--version', '0.0.1')
            self.assertEqual(done.returncode, 0, done.stderr)
            manifest = json.loads((work / 'out' / 'manifest.json').read_text())
            self.assertEqual(manifest['version'], '0.0.1')
            for stage in ('locate', 'segment'):
                said = manifest['cascade'][stage]
                for file in (said['file'], *(variant['file'] for variant in said['variants'])):
                    self.assertTrue((work / 'out' / file).exists(), file)


if __name__ == '__main__':
    unittest.main()
