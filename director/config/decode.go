package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// decoder reads one configuration and collects what is wrong with it.
type decoder struct {
	config   *Config
	source   source
	problems Problems
	files    []func() // look at the files that the configuration names
}

func decode(name string, src []byte) *decoder {
	d := &decoder{config: defaults(name)}
	start := hcl.Pos{Line: 1, Column: 1}
	tokens, _ := hclsyntax.LexConfig(src, name, start) // the parser finds the same mistakes
	if at, bad := tooDeep(tokens); bad {
		d.source = newSource(src, nil)
		d.wrong(at, "nested too deep", "", fmt.Sprintf("at most %d levels and operators are read", maxNesting))
		return d
	}
	d.source = newSource(src, unfold(tokens))
	file, diags := hclsyntax.ParseConfig(d.source.text, name, start)
	for _, diag := range diags {
		d.syntax(diag)
	}
	if !diags.HasErrors() {
		d.file(file.Body.(*hclsyntax.Body))
	}
	return d
}

func (d *decoder) result() (*Config, error) {
	if len(d.problems) > 0 {
		d.problems.sort()
		return nil, d.problems
	}
	return d.config, nil
}

// checkFiles adds what is wrong with the files that are named.
func (d *decoder) checkFiles() {
	for _, check := range d.files {
		check()
	}
}

// wrong adds a problem.
func (d *decoder) wrong(at hcl.Range, what, value, remedy string) {
	line, column := d.source.place(at.Start.Byte)
	d.problems = append(d.problems, Problem{
		File: d.config.File, Line: line, Column: column, What: what, Value: value, Remedy: remedy,
	})
}

func (d *decoder) line(at hcl.Range) int {
	line, _ := d.source.place(at.Start.Byte)
	return line
}

// syntax puts the parser's words in our form.
func (d *decoder) syntax(diag *hcl.Diagnostic) {
	at := hcl.Range{}
	if diag.Subject != nil {
		at = *diag.Subject
	}
	value := excerpt(d.source.at(at))
	switch {
	case diag.Summary == "Attribute redefined": // it quotes a line of the unfolded text
		d.wrong(at, "a setting given twice", value, "leave one of them out")
	case diag.Summary == "Invalid single-argument block definition" && value != "":
		d.wrong(at, "settings on one line without a comma", value, "write { a = 1, b = 2 }, or a line for each")
	default:
		d.wrong(at, lower(diag.Summary), "", lower(diag.Detail))
	}
}

// lower makes a sentence fit to go on with.
func lower(s string) string {
	if s = strings.TrimSuffix(s, "."); s == "" {
		return s
	}
	return strings.ToLower(s[:1]) + s[1:]
}

// settings say what may stand in a block.
type settings map[string]func(value)

// block says how to read a block of one type.
type block struct {
	label string // what its label is, empty for a block without
	many  bool   // may stand more than once
	read  func(*hclsyntax.Block)
}

type blocks map[string]block

// given tells where each setting and block of a body stands, by name.
type given map[string]hcl.Range

func (g given) has(name string) bool { _, ok := g[name]; return ok }

// body reads a block's body, or the file's. in names it in messages.
func (d *decoder) body(in string, b *hclsyntax.Body, s settings, bs blocks) given {
	seen := given{}
	for _, a := range inOrder(b.Attributes) {
		seen[a.Name] = a.Expr.Range()
		if set, ok := s[a.Name]; ok {
			set(value{d: d, name: a.Name, expr: a.Expr})
		} else {
			d.unknown(in, a.Name, a.NameRange, s, bs, false)
		}
	}
	for _, inner := range b.Blocks {
		rule, ok := bs[inner.Type]
		before, repeated := seen[inner.Type]
		switch {
		case !ok:
			d.unknown(in, inner.Type, inner.TypeRange, s, bs, true)
		case repeated && !rule.many:
			d.wrong(inner.TypeRange, fmt.Sprintf("second %s block in %s", inner.Type, in), "",
				fmt.Sprintf("the first is in line %d: leave one of them", d.line(before)))
		case d.labelled(inner, rule.label):
			seen[inner.Type] = inner.TypeRange
			rule.read(inner)
		default:
			seen[inner.Type] = inner.TypeRange
		}
	}
	return seen
}

func inOrder(attributes hclsyntax.Attributes) []*hclsyntax.Attribute {
	list := make([]*hclsyntax.Attribute, 0, len(attributes))
	for _, a := range attributes {
		list = append(list, a)
	}
	slices.SortFunc(list, func(a, b *hclsyntax.Attribute) int {
		return cmp.Compare(a.NameRange.Start.Byte, b.NameRange.Start.Byte)
	})
	return list
}

// labelled tells whether a block has the label that it needs, or none.
func (d *decoder) labelled(b *hclsyntax.Block, label string) bool {
	want := 0
	if label != "" {
		want = 1
	}
	switch {
	case len(b.Labels) > want:
		d.wrong(b.LabelRanges[want], fmt.Sprintf("%s takes %s", b.Type, []string{"no name", "one name"}[want]),
			quote(b.Labels[want]), "leave it out")
	case len(b.Labels) < want:
		d.wrong(b.TypeRange, fmt.Sprintf("%s without its %s", b.Type, label), "",
			fmt.Sprintf(`write %s "%s" { ... }`, b.Type, strings.ToUpper(label)))
	}
	return len(b.Labels) == want
}

// unknown tells what a name that does not belong here was most likely meant to
// be.
func (d *decoder) unknown(in, name string, at hcl.Range, s settings, bs blocks, isBlock bool) {
	_, setting := s[name]
	_, inner := bs[name]
	switch {
	case isBlock && setting:
		d.wrong(at, "a setting, not a block", name, fmt.Sprintf("write %s = ...", name))
		return
	case !isBlock && inner:
		d.wrong(at, "a block, not a setting", name, fmt.Sprintf("write %s { ... } without =", name))
		return
	}
	var names []string
	for known := range s {
		names = append(names, known)
	}
	for known := range bs {
		names = append(names, known)
	}
	slices.Sort(names)
	remedy := "it takes " + strings.Join(names, ", ")
	if near := nearest(name, names); near != "" {
		remedy = fmt.Sprintf("did you mean %s?", quote(near))
	} else if len(names) == 0 {
		remedy = "it takes no settings"
	}
	what := "unknown setting in " + in
	if isBlock {
		what = "unknown block in " + in
	}
	d.wrong(at, what, name, remedy)
}

// quote puts quotes around a text, however strange it is.
func quote(s string) string { return `"` + excerpt([]byte(s)) + `"` }

func printable(r rune) rune {
	if r == unicode.ReplacementChar || !unicode.IsPrint(r) {
		return '?'
	}
	return r
}
