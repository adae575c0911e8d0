ARG BASE=node:22-slim
FROM ${BASE}
ENV NODE_ENV=production PORT=8080 PATH=/app/node_modules/.bin:$PATH
WORKDIR /app
COPY package*.json npm-shrinkwrap.json* ./
# A base without npm is enough for a service without dependencies.
RUN if node -e "const p = require('./package.json'); process.exit(Object.keys({ ...p.dependencies, ...p.optionalDependencies }).length ? 0 : 1)"; then \
      command -v npm >/dev/null || { echo 'package.json names dependencies, and this base image has no npm' >&2; exit 1; }; \
      if [ -f package-lock.json ] || [ -f npm-shrinkwrap.json ]; then npm ci --omit=dev --no-audit --no-fund; \
      else echo 'there is no lockfile: versions are not pinned' >&2; npm install --omit=dev --no-audit --no-fund; fi; \
    fi
COPY . .
USER 1000:1000
EXPOSE 8080
# npm start where there is npm, the start script itself where the base has only node, and server.js where there is no
# script. With exec, so that the service gets SIGTERM and not a shell.
CMD ["/bin/sh", "-c", "START=$(node -p \"require('./package.json').scripts?.start ?? ''\"); if [ -z \"$START\" ]; then if [ -f server.js ]; then exec node server.js; fi; exec node .; fi; if command -v npm >/dev/null; then exec npm start; fi; exec /bin/sh -c \"exec $START\""]
