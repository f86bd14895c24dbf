package zonegen

import (
	"strings"
	"unicode"
)

// labels of which names are made: few, so that names meet, and with all that
// can be written in several ways (RFC 1035 section 5.1, RFC 4343).
var labels = []string{
	"a", "b", "c", "a", "b", "c", "d", "www", "mail", "x1", "_tcp", "_sip", "Www", "A", `\097`,
	`a\.b`, `sp\032ace`, `\255x`, `\000`, `q\"t`, `\@`, `semi\;colon`, `par\(en`, `back\\slash`, "xn--bcher-kva", long,
}

func (b *builder) label() string {
	if b.IntN(3) > 0 {
		return labels[b.IntN(7)]
	}
	return labels[b.IntN(len(labels))]
}

// fresh is a name of one to three labels, at times below one that exists.
func (b *builder) fresh() string {
	name := b.label()
	for range b.IntN(3) {
		name += "." + b.label()
	}
	if b.IntN(4) == 0 {
		return b.under(name, b.existing())
	}
	return name
}

// existing is an owner name of the zone.
func (b *builder) existing() string {
	if len(b.owners) == 0 {
		return "@"
	}
	return b.owners[b.IntN(len(b.owners))]
}

// under puts a name below another one.
func (*builder) under(name, parent string) string {
	if parent == "@" {
		return name
	}
	return name + "." + parent
}

// outside is a name that is not in the zone; of the root nothing is.
func (b *builder) outside() string {
	names := []string{"host.example.net.", "a.example.com.", "example.net.", "Www.Example.NET."}
	return names[b.IntN(len(names))]
}

// target is a name to point to.
func (b *builder) target() string {
	var name string
	switch b.IntN(10) {
	case 0, 1, 2, 3:
		name = b.existing()
	case 4:
		name = b.under(b.label(), b.existing())
	case 5:
		name = strings.TrimPrefix(b.existing(), "*.") // the wildcard's parent, which may be empty
	case 6:
		name = "@"
	case 7:
		name = b.fresh()
	case 8:
		name = b.expand(b.existing())
	case 9:
		name = b.outside()
	}
	if !strings.HasSuffix(name, ".") && b.key(name) == "" {
		return "@" // it would be too long
	}
	b.targets = append(b.targets, name)
	return b.spell(name)
}

// expand puts labels in the place of a wildcard.
func (b *builder) expand(name string) string {
	rest, wild := strings.CutPrefix(name, "*.")
	if name == "*" {
		rest, wild = "@", true
	}
	if !wild {
		return name
	}
	name = b.label()
	for range b.IntN(3) {
		name += "." + b.label()
	}
	return b.under(name, rest)
}

// spell changes the case of some letters, at times.
func (b *builder) spell(name string) string {
	if b.IntN(4) > 0 {
		return name
	}
	return strings.Map(func(c rune) rune {
		switch {
		case b.IntN(2) == 0 || c > unicode.MaxASCII:
			return c
		case unicode.IsLower(c):
			return unicode.ToUpper(c)
		}
		return unicode.ToLower(c)
	}, name)
}
