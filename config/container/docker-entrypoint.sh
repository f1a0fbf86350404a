#!/bin/sh
# The entry of the image. Compose files and charts written for MinIO's image call it with and without
# a leading "minio"; both work, the program itself skips the word.
exec node /opt/ringfort/dist/src/node/start.cjs "$@"
