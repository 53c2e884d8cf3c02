import { useEffect, useState, useSyncExternalStore } from 'react';
import type { Session } from '../state/session.ts';
import type { SessionState } from '../state/session-state.ts';

/** The state, and again whenever it changes. Starts the session where nothing has yet. */
export function useSession(session: Session): SessionState {
  useEffect(() => session.start(), [session]);
  return useSyncExternalStore(session.store.subscribe, session.store.get);
}

/** A clock that ticks each second, on the time scale of performance.now(). */
export function useNow(): number {
  const [now, setNow] = useState(() => performance.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(performance.now()), 1_000);
    return () => clearInterval(timer);
  }, []);
  return now;
}
