#!/bin/sh
# Makes what CPython installed below /out what the official images have of it: no tests, no bytecode, no static library; the short
# names beside the long ones.
set -e
find /out -depth \( -type d \( -name test -o -name tests -o -name idle_test -o -name __pycache__ \) \
    -o -type f \( -name '*.pyc' -o -name 'libpython*.a' \) \) -exec rm -rf {} +
find /out -name '*.so*' -type f -exec strip --strip-unneeded {} +
cd /out/usr/local/bin
for name in idle pip pydoc python; do ln -s "${name}3" "$name"; done
ln -s python3-config python-config
