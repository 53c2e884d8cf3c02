import type { RequestHandler } from 'express';
import type { Model } from '../inference/model.ts';
import type { ModelView } from './contract.ts';

/** The models that this server runs, as they were when it started. */
export class ModelCatalogue {
  readonly models: readonly Model[];
  readonly #default: Model | undefined;

  /** The default is the model of the given id, or the first one. */
  constructor(models: readonly Model[], defaultId: string | undefined) {
    this.models = models;
    this.#default = defaultId === undefined ? models[0] : models.find(({ manifest }) => manifest.id === defaultId);
  }

  /** The model of an id, or the default one. */
  find(id: string | undefined): Model | undefined {
    return id === undefined ? this.#default : this.models.find(({ manifest }) => manifest.id === id);
  }

  /** The model that a run was made for, which is not there when its folder has changed since. */
  withDigest(digest: string): Model | undefined {
    return this.models.find((model) => model.digest === digest);
  }

  listed(): ModelView[] {
    return this.models.map((model) => {
      const { id, name, version, description, modality, licence } = model.manifest;
      return {
        id,
        name,
        version,
        description,
        modality,
        licence,
        digest: model.digest,
        isDefault: model === this.#default,
        heatMap: model.manifest.cascade.segment.presence !== undefined,
      };
    });
  }
}

export function listModels(catalogue: ModelCatalogue): RequestHandler {
  return (_request, response) => {
    response.json(catalogue.listed());
  };
}
