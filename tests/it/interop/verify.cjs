// Verifies each bundle of jobs.json with @sigstore/verify and prints what it said: null where it
// verified, the message where it did not. The thresholds are those of `sigstore`'s own `verify`,
// and one signed time.
const fs = require('fs');
const { createHash, createPublicKey } = require('crypto');
const modules = process.argv[2];
const { bundleFromJSON } = require(modules + '/@sigstore/bundle');
const { TrustedRoot } = require(modules + '/@sigstore/protobuf-specs');
const { Verifier, toSignedEntity, toTrustMaterial } = require(modules + '/@sigstore/verify');

const read = (path) => JSON.parse(fs.readFileSync(path, 'utf8'));
const escaped = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

// An envelope is verified by itself; whether its statement is about the artifact is the caller's
// to find out.
function about(bundle, artifact) {
  const hex = artifact.startsWith('sha256:')
    ? artifact.slice('sha256:'.length)
    : createHash('sha256').update(fs.readFileSync(artifact)).digest('hex');
  const statement = JSON.parse(Buffer.from(bundle.dsseEnvelope.payload, 'base64').toString());
  if (!statement.subject.some((subject) => subject.digest.sha256 === hex))
    throw new Error('the statement is about something else');
}

function verify(job) {
  const json = read(job.bundle);
  const key = job.key && createPublicKey(fs.readFileSync(job.key));
  const find = key && (() => ({ publicKey: key, validFor: () => true }));
  const trust = toTrustMaterial(TrustedRoot.fromJSON(read(job.root)), find);
  const thresholds = { tlogThreshold: 1, ctlogThreshold: key ? 0 : 1, timestampThreshold: 1 };
  const policy = key ? {} : {
    subjectAlternativeName: '^' + escaped(job.identity) + '$',
    extensions: { issuer: job.issuer },
  };
  const bytes = json.dsseEnvelope ? undefined : fs.readFileSync(job.artifact);
  const entity = toSignedEntity(bundleFromJSON(json), bytes);
  new Verifier(trust, thresholds).verify(entity, policy);
  if (json.dsseEnvelope) about(json, job.artifact);
}

const verdicts = read('jobs.json').map((job) => {
  try {
    verify(job);
    return null;
  } catch (error) {
    return `${error.code ?? error.name}: ${error.message}`;
  }
});
process.stdout.write(JSON.stringify(verdicts));
