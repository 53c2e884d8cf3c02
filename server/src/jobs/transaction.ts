import type { Db } from 'pg-boss';

/** Runs the work in one transaction, which is rolled back when the work fails. */
export async function transaction<T>(db: Db, work: (tx: Db) => Promise<T>): Promise<T> {
  if (!db.beginTransaction) throw new Error('This database has no transactions.');
  const handle = await db.beginTransaction();
  try {
    const result = await work(handle.db);
    await handle.commit();
    return result;
  } catch (error) {
    await handle.rollback();
    throw error;
  }
}
