import type {AdmissionPlugin} from './admission.ts';

const FINALIZERS: Readonly<Record<string, string>> = {
  persistentvolumeclaims: 'kubernetes.io/pvc-protection',
  persistentvolumes: 'kubernetes.io/pv-protection',
};

/** Volumes and claims stay until nobody uses them. */
export const storageObjectInUseProtection: AdmissionPlugin = {
  name: 'StorageObjectInUseProtection',
  async admit({operation, resource, context, object}) {
    const finalizer = FINALIZERS[resource.plural];
    if (operation !== 'CREATE' || resource.group !== '' || context.subresource !== '') return;
    if (!object || finalizer === undefined) return;
    const present = object.metadata.finalizers ?? [];
    if (!present.includes(finalizer)) object.metadata.finalizers = [...present, finalizer];
  },
};
