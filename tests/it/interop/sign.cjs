// Signs job.json with @sigstore/sign and writes the bundle: a file's bytes, or a statement.
const fs = require('fs');
const modules = process.argv[2];
const job = JSON.parse(fs.readFileSync('job.json', 'utf8'));
const { bundleToJSON } = require(modules + '/@sigstore/bundle');
const {
  DSSEBundleBuilder, FulcioSigner, MessageSignatureBundleBuilder, RekorWitness, TSAWitness,
} = require(modules + '/@sigstore/sign');

const signer = new FulcioSigner({
  fulcioBaseURL: job.base,
  identityProvider: { getToken: async () => job.token },
});
const witnesses = [
  new RekorWitness({ rekorBaseURL: job.base, majorApiVersion: job.rekor, entryType: job.entry }),
  new TSAWitness({ tsaBaseURL: job.base }),
];
const builder = job.type
  ? new DSSEBundleBuilder({ signer, witnesses })
  : new MessageSignatureBundleBuilder({ signer, witnesses });
builder
  .create({ data: fs.readFileSync(job.file), type: job.type })
  .then((bundle) => fs.writeFileSync(job.bundle, JSON.stringify(bundleToJSON(bundle))))
  .catch((error) => {
    console.error(error.code, error.message, error.cause?.message);
    process.exitCode = 1;
  });
