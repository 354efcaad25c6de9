# Verifies each bundle of jobs.json with sigstore-python's command line, in one process, and prints
# what it said: null where it verified, the message where it did not.
import contextlib
import io
import json
import logging
import sys

from sigstore import _cli

verdicts = []
for job in json.load(open("jobs.json")):
    args = ["--trust-config", job["config"], "verify", "identity", "--bundle", job["bundle"]]
    args += ["--cert-identity", job["identity"], "--cert-oidc-issuer", job["issuer"]]
    args += [job["artifact"]]
    said = io.StringIO()
    handler = logging.StreamHandler(said)
    logging.getLogger().addHandler(handler)
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            _cli.main(args)
        code = 0
    except SystemExit as end:
        code = end.code
    except Exception as error:
        code = f"{type(error).__name__}: {error}"
    logging.getLogger().removeHandler(handler)
    verdicts.append(None if code == 0 else f"{code} {said.getvalue()}")
json.dump(verdicts, sys.stdout)
