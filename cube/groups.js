/**
 * Which group of the model's access policies a person is in, from the claims of the token.
 *
 * Belongs here: reading claims. Does not belong here: what a group may see (model/).
 *
 * Claims: `groups`, a list, of which `privacy` may see members that tell who a person is; `regions`,
 * a list of names, without which a person sees every region.
 */

/** Return the one group of a security context; none, who sees nothing, if a claim makes no sense. */
function groupsOf(securityContext) {
  const { groups = [], regions } = securityContext ?? {};
  if (!Array.isArray(groups)) return [];
  const kind = groups.includes('privacy') ? 'privacy' : 'analyst';
  if (regions === undefined) return [kind];
  const named = Array.isArray(regions) && regions.length > 0;
  return named && regions.every((region) => typeof region === 'string') ? [`${kind}_of_regions`] : [];
}

module.exports = { groupsOf };
