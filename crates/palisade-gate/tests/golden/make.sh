#!/bin/sh
# Makes this folder's evidence anew: run as `palisade lab run -- sh make.sh` with the programs on PATH.
set -eu
image=$PALISADE_LAB_IMAGE
registry=http://${image%%/*}/v2/acme/app
digest=${image#*@}
palisade lab token --github acme/app --workflow .github/workflows/release.yml | tr -d '\n' > token
services="--signing-config $PALISADE_LAB_SIGNING_CONFIG --trusted-root $PALISADE_LAB_TRUSTED_ROOT --identity-token token --allow-lab"
cp "$PALISADE_LAB_TRUSTED_ROOT" trusted_root.json
palisade sign image "$image" $services
palisade sign attest "$image" $services --type cyclonedx --predicate sbom.json
palisade sign attest "$image" $services --type slsaprovenance1 --predicate provenance.json
palisade sign attest "$image" $services --type https://in-toto.io/attestation/vulns/v0.2 --predicate scan.json
rm token
python3 - "$registry" "$digest" <<'PY'
import hashlib, json, os, sys, urllib.request
registry, digest = sys.argv[1:]
accept = {"Accept": "application/vnd.oci.image.manifest.v1+json"}
get = lambda path: urllib.request.urlopen(urllib.request.Request(registry + path, headers=accept)).read()
def blob(name, data):
    os.makedirs("layout/blobs/sha256", exist_ok=True)
    open("layout/blobs/" + name.replace(":", "/"), "wb").write(data)
manifest = get("/manifests/" + digest)
blob(digest, manifest)
parsed = json.loads(manifest)
for part in [parsed["config"], *parsed["layers"]]:
    blob(part["digest"], get("/blobs/" + part["digest"]))
entry = {"mediaType": parsed["mediaType"], "digest": digest, "size": len(manifest)}
json.dump({"schemaVersion": 2, "manifests": [entry]}, open("layout/index.json", "w"))
json.dump({"imageLayoutVersion": "1.0.0"}, open("layout/oci-layout", "w"))
os.makedirs("evidence", exist_ok=True)
for referrer in json.loads(get("/referrers/" + digest))["manifests"]:
    layer = json.loads(get("/manifests/" + referrer["digest"]))["layers"][0]
    name = referrer["annotations"]["dev.sigstore.bundle.predicateType"].split("://")[1]
    open("evidence/" + name.replace("/", "_") + ".json", "wb").write(get("/blobs/" + layer["digest"]))
PY
