import type { KmsProvider } from '../terms/app-key.ts'

/** What is wrong with the name of a key for its key management service; undefined when nothing is. */
export function kmsKeyFault(provider: KmsProvider, key: string): string | undefined {
  const { form, name } = FORMS[provider]
  return name.test(key) ? undefined : `is no key of KMS_PROVIDER ${provider}: its keys are written ${form}`
}

const FORMS = {
  // The version is needed: Google Cloud has no "latest" for keys that sign.
  gcp: {
    form: 'projects/PROJECT/locations/LOCATION/keyRings/RING/cryptoKeys/KEY/cryptoKeyVersions/NUMBER',
    name: /^projects\/[a-z0-9.:-]{1,100}\/locations\/[a-z0-9-]{1,63}\/keyRings\/[A-Za-z0-9_-]{1,63}\/cryptoKeys\/[A-Za-z0-9_-]{1,63}\/cryptoKeyVersions\/\d{1,18}$/,
  },
  aws: {
    form: 'as the id of a key, its ARN, or alias/NAME',
    name: /^(?:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|mrk-[0-9a-f]{32}|alias\/[A-Za-z0-9/_-]{1,250}|arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:(?:key\/(?:mrk-)?[0-9a-f-]{32,36}|alias\/[A-Za-z0-9/_-]{1,250}))$/,
  },
  // The host is bound to Azure's own, because the service's credential is sent there.
  akv: {
    form: 'https://VAULT.vault.azure.net/keys/KEY, with /VERSION or without',
    name: /^https:\/\/[A-Za-z][A-Za-z0-9-]{1,22}[A-Za-z0-9]\.(?:vault\.azure\.net|managedhsm\.azure\.net|vault\.usgovcloudapi\.net|managedhsm\.usgovcloudapi\.net|vault\.azure\.cn|managedhsm\.azure\.cn)\/keys\/[A-Za-z0-9-]{1,127}(?:\/[A-Za-z0-9]{1,64})?$/,
  },
  vault: {
    form: 'as KEY, or MOUNT/keys/KEY',
    name: /^(?!.{513})(?:(?:(?!\.{1,2}\/)[A-Za-z0-9._~@:+=-]+\/)+keys\/)?(?!\.{1,2}$)[A-Za-z0-9._~-]+$/,
  },
} as const satisfies Record<KmsProvider, { readonly form: string; readonly name: RegExp }>
