FROM node:24-slim AS base
WORKDIR /app

# The files that name the dependencies come before the code, so that these steps run again only when one of them changes.
# Install scripts are left out: they fetch what only tests and npm's own scripts need (PostgreSQL, another Node).
FROM base AS build
COPY package.json package-lock.json ./
COPY packages ./packages
RUN --mount=type=cache,target=/root/.npm \
    npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json ./
COPY src ./src
COPY console ./console
COPY scripts ./scripts
RUN npm run build

# Optional packages are left out as well: they are drivers and tools that other packages could use and this service
# does not, such as the TypeScript compiler. Nor does a running program read declarations or the source maps of others.
FROM base AS production-dependencies
COPY package.json package-lock.json ./
COPY packages ./packages
RUN --mount=type=cache,target=/root/.npm \
    npm ci --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund \
    && find node_modules -type f \( -name '*.map' -o -name '*.d.ts' -o -name '*.d.mts' -o -name '*.d.cts' \) -delete

# The stand-ins of docker-compose.yml, which Node runs as they are. They are no part of the image for production.
FROM base AS sandbox
# The only folder that they may write to.
RUN install --directory --owner=node --group=node /data
COPY package.json ./
COPY packages ./packages
COPY --from=production-dependencies /app/node_modules ./node_modules
COPY src ./src
COPY sandbox ./sandbox
USER 1000:1000

FROM base AS production
# Stack traces name the lines of src/ instead of those of dist/.
# A load balancer gets this long to notice that an instance is being stopped, before its port closes.
# A container is reached from outside of itself only by an address other than loopback.
ENV NODE_ENV=production \
    HOST=0.0.0.0 \
    SHUTDOWN_DELAY_MS=5000 \
    NODE_OPTIONS=--enable-source-maps
# The service keeps everything in PostgreSQL, so it also runs with a read-only file system.
COPY package.json ./
COPY packages ./packages
COPY --from=production-dependencies /app/node_modules ./node_modules
# TypeScript, which Node runs as it is.
COPY migrations ./migrations
COPY --from=build /app/dist ./dist

# The user `node`, by number, because Kubernetes can verify only a number not to be root (`runAsNonRoot`).
USER 1000:1000
EXPOSE 8080

# Liveness, not readiness: some platforms replace a container that is unhealthy, and while the database is away a new
# one would be no better. When the service first answers, it has reached and migrated the database. Where HEALTH_PUBLIC is
# false the answer is 401, which shows just as well that the process runs.
HEALTHCHECK --interval=10s --timeout=5s --retries=3 --start-period=60s --start-interval=1s \
    CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT || 8080}/health/live`).then(({ status }) => process.exit(status < 500 ? 0 : 1), () => process.exit(1))"]

# Node itself is the first process and so receives SIGTERM, which lets it finish the orders under way. Give it 30 seconds
# for that before it is killed (`docker stop -t 30`): an order may take as long as REQUEST_DEADLINE_MS.
#
# The options keep the heap small: 16 MB for each half of what is new, and the rest is collected once it has grown by a quarter.
# Neither is a limit that would end the process. `npm run start:prod` has the same ones.
CMD ["node", "--max-semi-space-size=16", "--heap-growing-percent=25", "dist/main.js"]
