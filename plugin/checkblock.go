package ballast

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/ballast-lb/ballast/plugin/cookie"
	"github.com/ballast-lb/ballast/plugin/directives"
	"github.com/ballast-lb/ballast/zones"

	"github.com/coredns/caddy/caddyfile"
)

// checkBlock checks what stands in one server block.
func checkBlock(h *hub, path string, block caddyfile.ServerBlock) []zones.Problem {
	problems := checkDirectives(path, block)
	if len(block.Tokens[cookie.Name]) > 0 {
		if err := cookie.Check(directiveOf(cookie.Name, path, block)); err != nil {
			problems = append(problems, corefileProblem(path, err))
		}
	}
	if len(block.Tokens[name]) > 0 {
		problems = append(problems, checkDirective(h, directiveOf(name, path, block))...)
	}
	return problems
}

// unfit is what other plugins do to answers that were drawn.
var unfit = map[string]string{
	"cache":       "cache freezes one answer for its TTL",
	"loadbalance": "loadbalance shuffles what was drawn by weight",
}

// checkDirectives looks for plugins that are not in the build, or should not be in a
// server block with ballast.
func checkDirectives(path string, block caddyfile.ServerBlock) (problems []zones.Problem) {
	for _, directive := range slices.Sorted(maps.Keys(block.Tokens)) {
		tokens, why := block.Tokens[directive], unfit[directive]
		if len(tokens) == 0 {
			continue
		}
		p := zones.Problem{File: cmp.Or(tokens[0].File, path), Line: tokens[0].Line} // File if imported
		switch {
		case !slices.Contains(directives.Order, directive):
			p.Message = fmt.Sprintf("directive %q is not a plugin of this build", directive)
			p.Remedy = "check its spelling, or build CoreDNS with it"
			if why != "" {
				p.Remedy = "leave it out: " + why
			}
		case why != "" && len(block.Tokens[name]) > 0:
			p.Severity, p.Message = zones.Warning, why
			p.Remedy = "leave it out of a server block with ballast"
		default:
			continue
		}
		problems = append(problems, p)
	}
	return problems
}
