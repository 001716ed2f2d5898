/** The `engines` of package.json; a test keeps the two equal. */
export const REQUIRED_NODE_MAJOR = 24;

// On load, and imported first by every command: on an older Node.js another module would fail before with a TypeError.
if (Number(process.versions.node.split('.')[0]) < REQUIRED_NODE_MAJOR) {
  process.stderr.write(
    `This needs Node.js ${REQUIRED_NODE_MAJOR} or newer, but runs on ${process.version} (${process.execPath}). ` +
      'Install it from https://nodejs.org, or run `npm ci --include=dev`, which installs it for the scripts of npm.\n',
  );
  process.exit(1);
}
