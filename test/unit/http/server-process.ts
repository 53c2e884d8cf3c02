/** A test server in a process of its own, which can be killed. Tells its address. */
import { startTestServer } from './support.ts';

const server = await startTestServer(process.argv[2]!);
process.send!(server.url);
