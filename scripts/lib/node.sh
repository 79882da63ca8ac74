# node.sh: the Node.js that the tests run on.
# shellcheck shell=bash

# Print the path of a Node 20 or newer: the one that npm ci brought, since
# Debian's is 18, or else the machine's own.
find_node() {
	local node

	for node in node_modules/node-linux-*/bin/node "$(command -v node)"; do
		if [[ -x $node ]] &&
			"$node" -e 'process.exit(parseInt(process.versions.node) >= 20 ? 0 : 1)' 2>/dev/null; then
			realpath "$node"
			return
		fi
	done
	printf 'no Node.js 20 here: run npm ci\n' >&2
	return 1
}
