/**
 * Where Cube listens: it binds every interface, and has no setting for that.
 *
 * Belongs here: the address of ports that are opened by their number alone. Does not belong here:
 * the port (Cube's PORT), or who is let in (Cube's JWT).
 */

const net = require('node:net');

/** Let every server of this process that names a port and no address listen on `host` alone. */
function listenOn(host) {
  const { listen } = net.Server.prototype;
  net.Server.prototype.listen = function listenThere(port, ...rest) {
    const numbered = typeof port === 'number' || /^\d+$/.test(port);
    if (!numbered || typeof rest[0] === 'string') return listen.call(this, port, ...rest);
    const called = rest.filter((argument) => typeof argument === 'function');
    return listen.call(this, { port: Number(port), host }, ...called);
  };
}

module.exports = { listenOn };
