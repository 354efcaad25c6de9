#!/bin/sh
# Makes the certificates of this folder anew. They open nothing outside these tests.
set -eu
cd "$(dirname "$0")"
authority() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 36500 \
        -subj "/CN=palisade test authority $1" -keyout "$1.key" -out "$1.pem" \
        -addext "basicConstraints=critical,CA:true" -addext "keyUsage=critical,keyCertSign"
}
leaf() { # name, authority, extensions
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=palisade test $1" \
        -keyout "$1.key" -out "$1.csr"
    printf '%s\n' "$3" > "$1.ext"
    openssl x509 -req -in "$1.csr" -CA "$2.pem" -CAkey "$2.key" -days 36500 -extfile "$1.ext" -out "$1.pem"
    rm "$1.csr" "$1.ext"
}
authority ca
authority other-ca
leaf server ca "subjectAltName=DNS:registry-1.docker.io,DNS:auth.docker.io,DNS:ghcr.io,DNS:000000000000.dkr.ecr.eu-central-1.amazonaws.com,DNS:europe-docker.pkg.dev,DNS:acme.azurecr.io,DNS:quay.io,DNS:registry.gitlab.com,DNS:gitlab.com,DNS:harbor.acme.example,DNS:registry.acme.example,DNS:zot.acme.example,DNS:evil.example,DNS:storage.example,DNS:acme.azurecr.io.evil.example,DNS:evilacme.azurecr.io,DNS:000000000000.dkr.ecr.eu-central-1.amazonaws.com.evil.example,DNS:europe-docker.pkg.dev.evil.example,DNS:localhost
extendedKeyUsage=serverAuth"
leaf client ca "extendedKeyUsage=clientAuth"
rm -f ca.key other-ca.key ca.srl
