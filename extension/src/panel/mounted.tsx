import { Component, type ComponentClass, createRef, type ReactNode } from 'react';
import { createRoot, type Root } from 'react-dom/client';

/**
 * A component for the viewer, which has a React of its own: hooks work only inside a root of ours, so what is handed over
 * is a class without hooks that mounts one.
 */
export function mounted(render: () => ReactNode): ComponentClass {
  return class Mounted extends Component {
    readonly #host = createRef<HTMLDivElement>();
    #root: Root | null = null;

    override componentDidMount(): void {
      this.#root = createRoot(this.#host.current!);
      this.#root.render(render());
    }

    override componentWillUnmount(): void {
      const root = this.#root;
      // React forbids unmounting one root while another renders.
      queueMicrotask(() => root?.unmount());
    }

    override render(): ReactNode {
      return <div ref={this.#host} className="hepar-root" style={{ height: '100%' }} />;
    }
  };
}
