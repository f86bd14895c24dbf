// Package docs keeps the documentation true: what it names must exist.
package docs

import (
	"regexp"
	"strings"
)

// page is what a Markdown page says that can be checked.
type page struct {
	links []string // targets of links, without those to other sites
	spans []string // inline code
	lines []string // lines of fenced blocks, without those of the language "text"
}

var (
	link = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	span = regexp.MustCompile("`([^`]+)`")
)

// read takes a page apart. Fences are ``` or ~~~ (CommonMark 4.5).
func read(text string) page {
	var p page
	fence, language := "", ""
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		trimmed := strings.TrimSpace(line)
		switch {
		case fence != "" && trimmed == fence:
			fence = ""
		case fence != "":
			if language != "text" {
				p.lines = append(p.lines, trimmed)
			}
		case strings.HasPrefix(trimmed, "```"), strings.HasPrefix(trimmed, "~~~"):
			fence, language = trimmed[:3], strings.TrimSpace(trimmed[3:])
		default:
			p.inline(line)
		}
	}
	return p
}

func (p *page) inline(line string) {
	for _, m := range span.FindAllStringSubmatch(line, -1) {
		p.spans = append(p.spans, m[1])
	}
	for _, m := range link.FindAllStringSubmatch(span.ReplaceAllString(line, "`code`"), -1) {
		if !strings.Contains(m[1], "://") {
			p.links = append(p.links, m[1])
		}
	}
}

var command = regexp.MustCompile(`^(?:\$ )?(?:sudo |time |[A-Z_]+=\S+ )*((?:\S*/)?[a-z-]+)((?: \S+)*)`)

// commands returns the arguments of every call of a program in code, of which
// several may stand in a line, parted by && or |.
func (p page) commands(program string) [][]string {
	var calls [][]string
	for _, code := range [][]string{p.spans, p.lines} {
		for _, line := range code {
			line, _, _ = strings.Cut(line, " #")
			for _, part := range strings.FieldsFunc(line, func(r rune) bool { return r == '&' || r == '|' || r == ';' }) {
				m := command.FindStringSubmatch(strings.TrimSpace(part))
				if m != nil && (m[1] == program || strings.HasSuffix(m[1], "/"+program)) {
					calls = append(calls, strings.Fields(m[2]))
				}
			}
		}
	}
	return calls
}

var (
	pathLike = regexp.MustCompile(`^\.{0,2}[A-Za-z0-9_][A-Za-z0-9_.*-]*(?:/[A-Za-z0-9_.*-]+)*/?$`)
	fileLike = regexp.MustCompile(`^(?:Makefile|LICENSE|Corefile\.[a-z]+|[\w.-]+\.(?:go|md|zone|mod|yml|service))$`)
)

// paths returns the inline code that reads like a path of the source tree: it
// begins in a folder of its top, or is a file by its name.
func (p page) paths(top []string) []string {
	var found []string
	for _, s := range p.spans {
		first, _, slash := strings.Cut(s, "/")
		if !pathLike.MatchString(s) {
			continue
		}
		for _, folder := range top {
			if slash && first == folder {
				found = append(found, s)
			}
		}
		if !slash && fileLike.MatchString(s) {
			found = append(found, s)
		}
	}
	return found
}

var notInAnchor = regexp.MustCompile(`[^\p{L}\p{N}_ -]`)

// anchors are the fragments that the headings of a page can be linked by, as
// GitHub makes them.
func anchors(text string) map[string]bool {
	found := map[string]bool{}
	fenced := false
	for line := range strings.Lines(text) {
		if trimmed := strings.TrimSpace(line); strings.HasPrefix(trimmed, "```") || strings.HasPrefix(trimmed, "~~~") {
			fenced = !fenced
		}
		if fenced || !strings.HasPrefix(line, "#") {
			continue
		}
		heading := strings.ToLower(strings.TrimSpace(strings.TrimLeft(line, "#")))
		found[strings.ReplaceAll(notInAnchor.ReplaceAllString(heading, ""), " ", "-")] = true
	}
	return found
}
