# Ringfort's image. `docker build -t ringfort .`, then
#   docker run -p 9000:9000 -v ringfort:/data -e RINGFORT_ROOT_USER=... -e RINGFORT_ROOT_PASSWORD=... ringfort server /data
#
# Debian 13 (trixie) on purpose: the uWebSockets.js binaries for Node 22 and newer need glibc 2.38,
# and Debian 12 has 2.36. Alpine (musl) has no binary at all.
ARG NODE_IMAGE=node:24-trixie-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /build
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY tsconfig.json ./
COPY src ./src
COPY cluster ./cluster
COPY config ./config
RUN npm run build && npm prune --omit=dev --no-audit --no-fund
# The HTTP library ships a binary for every platform and Node, 250 MB; one is used.
RUN node -e "const fs = require('fs'), folder = 'node_modules/uWebSockets.js/'; \
  const used = 'uws_' + [process.platform, process.arch, process.versions.modules].join('_') + '.node'; \
  fs.statSync(folder + used); \
  for (const name of fs.readdirSync(folder)) \
    if (name.endsWith('.node') && name !== used) fs.rmSync(folder + name)"

FROM ${NODE_IMAGE}
LABEL org.opencontainers.image.title="Ringfort" \
      org.opencontainers.image.description="S3-compatible object storage" \
      org.opencontainers.image.licenses="Apache-2.0"
WORKDIR /opt/ringfort
COPY --from=build /build/package.json ./
COPY --from=build /build/node_modules ./node_modules
COPY --from=build /build/dist/src ./dist/src
COPY --from=build /build/dist/cluster ./dist/cluster
COPY --from=build /build/dist/config ./dist/config
COPY config/container/docker-entrypoint.sh /usr/bin/docker-entrypoint.sh
# The names that scripts for MinIO's image call. The data folder belongs to the user of the server,
# which is what a new volume takes over.
RUN chmod 755 /usr/bin/docker-entrypoint.sh \
 && ln -s docker-entrypoint.sh /usr/bin/ringfort \
 && ln -s docker-entrypoint.sh /usr/bin/minio \
 && mkdir -p /data && chown node:node /data
# Fails the build, not the start, where the base image's glibc is too old for the binary.
RUN node -e "require('/opt/ringfort/node_modules/uWebSockets.js')"
ENV NODE_ENV=production
USER node
VOLUME /data
EXPOSE 9000 9001 19000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=10s --start-period=60s --retries=3 \
  CMD ["node", "/opt/ringfort/dist/src/node/start.cjs", "health"]
ENTRYPOINT ["/usr/bin/docker-entrypoint.sh"]
