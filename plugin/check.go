package ballast

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"math"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/ballast-lb/ballast/zones"

	"github.com/coredns/caddy"
	"github.com/coredns/caddy/caddyfile"
	"github.com/coredns/coredns/core/dnsserver"
)

// Check reads a Corefile and the zones of its ballast directives as a start of
// bin/coredns would, and returns every problem. Other plugins' properties are not
// checked, but where server blocks listen is, and which directives there are. The
// error tells that the Corefile could not be read at all.
func Check(path string) ([]zones.Problem, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read Corefile: %w", err)
	}
	blocks, err := caddyfile.Parse(path, bytes.NewReader(text), nil)
	if err != nil {
		return []zones.Problem{corefileProblem(path, err)}, nil
	}
	problems := checkKeys(path, blocks)
	h := newHub() // never started
	for _, block := range blocks {
		problems = append(problems, checkBlock(h, path, block)...)
	}
	return inOrder(path, problems), nil
}

// inOrder puts the Corefile's own problems first, by line; those of zones and
// imported files are in order.
func inOrder(path string, problems []zones.Problem) []zones.Problem {
	own := func(p zones.Problem) int {
		if p.File == path {
			return p.Line
		}
		return math.MaxInt
	}
	slices.SortStableFunc(problems, func(a, b zones.Problem) int { return cmp.Compare(own(a), own(b)) })
	return problems
}

// directiveOf is what a setup would get to read of a server block.
func directiveOf(directive, path string, block caddyfile.ServerBlock) *caddy.Controller {
	c := caddy.NewTestController("dns", "")
	c.Dispenser = caddyfile.NewDispenserTokens(path, block.Tokens[directive])
	c.ServerBlockKeys = block.Keys
	if root := block.Tokens["root"]; len(root) > 1 {
		dnsserver.GetConfig(c).Root = root[1].Text
	}
	return c
}

// checkDirective checks the ballast directives of one server block.
func checkDirective(h *hub, c *caddy.Controller) []zones.Problem {
	path := c.File()
	var problems []zones.Problem
	var served zoneSet
	for c.Next() {
		cfg, err := parse(c)
		if err != nil {
			for line := range strings.Lines(err.Error()) { // joined, each on a line
				problems = append(problems, corefileProblem(path, errors.New(strings.TrimSpace(line))))
			}
		}
		if cfg == nil {
			return problems
		}
		if err == nil {
			problems = append(problems, checkSettings(h, &served, c, cfg)...)
		}
		for _, origin := range cfg.origins {
			_, found := zones.Load(cfg.file, hostOnly(origin), cfg.settings())
			for i := range found {
				if found[i].Line == 0 { // there is no such file: the mistake is where it is named
					found[i].Message = found[i].File + ": " + found[i].Message
					found[i].File, found[i].Line = c.File(), cfg.line
				}
			}
			problems = append(problems, found...)
		}
	}
	return problems
}

// checkSettings tries what a start does with the directive beside its zones.
func checkSettings(h *hub, served *zoneSet, c *caddy.Controller, cfg *config) (problems []zones.Problem) {
	_, err := cfg.client(h)
	errs := []error{err, h.configure(cfg)}
	for _, origin := range cfg.origins {
		errs = append(errs, served.add(&zone{origin: origin, cfg: cfg}))
	}
	for _, err := range errs {
		if err != nil {
			message, remedy, _ := strings.Cut(err.Error(), "; ")
			problems = append(problems, zones.Problem{File: c.File(), Line: cfg.line, Message: message, Remedy: remedy})
		}
	}
	return problems
}

// hostOnly drops the scheme and the port of a server block's key.
func hostOnly(key string) string {
	if _, rest, ok := strings.Cut(key, "://"); ok {
		key = rest
	}
	host, _, _ := strings.Cut(key, ":")
	return host
}

// position finds where the Corefile's parser says that the mistake is.
var position = regexp.MustCompile(`^(.+):(\d+) - (?:Error during parsing|Parse error|Syntax error): (.*)$`)

// corefileProblem makes a problem of an error of the Corefile's parser.
func corefileProblem(path string, err error) zones.Problem {
	p := zones.Problem{File: path, Message: err.Error()}
	if m := position.FindStringSubmatch(err.Error()); m != nil {
		p.File = m[1] // an imported one has its own
		p.Line, _ = strconv.Atoi(m[2])
		p.Message, p.Remedy, _ = strings.Cut(m[3], "; ")
	}
	return p
}
