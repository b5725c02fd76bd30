// Examples below the command list of `odcm help`, by what somebody wants to do. Text only.

export const HELP_EXAMPLES = `
Examples, trust:
  odcm init acme                                   make a mesh and its first node
  odcm invite payments                             a token that works once
  odcm join TOKEN --home ./payments                enrol a node with it
  odcm grant payments library/variables            let payments read a feed

Examples, feeds:
  odcm feed create step-templates --context step-templates --to all
  odcm publish step-templates --from ./templates   every file of a folder
  odcm subscribe library/step-templates --mode auto

Examples, reading:
  odcm spaces --filter 'status=offline|suspected' --sort -seen
  odcm feeds --format csv --output feeds.csv
  odcm status --watch 5s
  odcm overview --fail-on 'offline>0,expiry<14d'

Examples, running:
  odcm run --home ./payments                       the node, in the foreground
  odcm fsck --home ./payments                      check its store
  odcm demo                                        a whole mesh on this machine

Exit codes: 0 fine, 1 fault, 2 usage, 3 node not reachable, 4 no such thing, 5 refused by policy, 10 --fail-on is met.
ODCM_DEBUG=1 adds where in the program an error comes from.
`;
