#!/bin/sh
# slim.sh ENVIRONMENT [LANGUAGE...]: removes what no image runs from an environment of Python, then compiles
# the rest to byte code, once. Of Babel's locale data the named languages stay.
set -eu
python=$1/bin/python
cd "$1"/lib/python3.*/site-packages
shift

find . -depth -type d -name tests ! -path '*.dist-info/*' -exec rm -r {} +
# Headers and stubs are for compilers and type checkers, maps for debuggers of browsers.
find . -type f \( -name '*.pyi' -o -name '*.pyx' -o -name '*.pxd' -o -name '*.pxi' -o -name '*.h' \
    -o -name '*.hpp' -o -name '*.a' -o -name '*.map' \) -delete
# Arrow is read and written here, never over Flight or from S3.
rm -f pyarrow/*flight* pyarrow/*s3*
# Wheels are built with symbols for debuggers. Libraries beside them are left as they are.
find . -name '*.cpython-*.so' -exec strip --strip-debug {} +
if [ $# -gt 0 ]; then
    for file in babel/locale-data/*.dat; do
        name=$(basename "$file" .dat)
        for language in root "$@"; do
            case $name in "$language" | "$language"_*) continue 2 ;; esac
        done
        rm "$file"
    done
fi
"$python" -m compileall -q -j 1 .
