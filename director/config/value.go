package config

import (
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// value is what stands behind a setting's "=", or one element of its list.
type value struct {
	d    *decoder
	name string // the setting's
	expr hclsyntax.Expression
}

// source is the value as written.
func (v value) source() string { return excerpt(v.d.source.at(v.expr.Range())) }

// wrong adds a problem with the value: "NAME what (value): remedy".
func (v value) wrong(what, remedy string) {
	v.d.wrong(v.expr.Range(), v.name+" "+what, v.source(), remedy)
}

// mistake is what is wrong with a value; the zero mistake is none.
type mistake struct{ what, remedy string }

// mistaken adds a problem if there is a mistake, and tells whether.
func (v value) mistaken(m mistake) bool {
	if m != (mistake{}) {
		v.wrong(m.what, m.remedy)
	}
	return m != mistake{}
}

// bare is the expression without parentheses around it.
func (v value) bare() hclsyntax.Expression {
	expr := v.expr
	for {
		p, ok := expr.(*hclsyntax.ParenthesesExpr)
		if !ok {
			return expr
		}
		expr = p.Expression
	}
}

// literal is the value of an expression that is written out. The others are
// not evaluated: a configuration says the same wherever it is read.
func literal(expr hclsyntax.Expression) (cty.Value, bool) {
	switch e := expr.(type) {
	case *hclsyntax.LiteralValueExpr:
		return e.Val, true
	case *hclsyntax.TemplateExpr:
		for _, part := range e.Parts {
			if _, ok := part.(*hclsyntax.LiteralValueExpr); !ok {
				return cty.NilVal, false
			}
		}
		text, diags := e.Value(nil)
		return text, !diags.HasErrors()
	case *hclsyntax.UnaryOpExpr:
		number, ok := e.Val.(*hclsyntax.LiteralValueExpr)
		if !ok || e.Op != hclsyntax.OpNegate || number.Val.IsNull() || number.Val.Type() != cty.Number {
			return cty.NilVal, false
		}
		return number.Val.Negate(), true
	}
	return cty.NilVal, false
}

// of returns the value if it is of the type; example is how to write one.
func (v value) of(want cty.Type, kind, example string) (cty.Value, bool) {
	got, ok := literal(v.bare())
	if ok && !got.IsNull() && got.Type() == want {
		return got, true
	}
	word, isWord := v.bare().(*hclsyntax.ScopeTraversalExpr)
	switch {
	case want == cty.String && isWord && len(word.Traversal) == 1:
		v.wrong("is not in quotes", "write "+quote(word.Traversal.RootName()))
	case want == cty.String && ok && !got.IsNull():
		v.wrong("is not "+kind, "put it in quotes, as "+example)
	default:
		v.wrong("is not "+kind, "write "+example)
	}
	return cty.NilVal, false
}

// text returns a string without control characters.
func (v value) text(kind, example string) (string, bool) {
	got, ok := v.of(cty.String, kind, quote(example))
	if !ok {
		return "", false
	}
	s := got.AsString()
	if strings.ContainsFunc(s, unicode.IsControl) {
		v.wrong("has control characters or line breaks", "leave them out")
		return "", false
	}
	return s, true
}

// whole returns a whole number within low and high.
func (v value) whole(low, high int) (int, bool) {
	kind := fmt.Sprintf("a whole number within %d and %d", low, high)
	got, ok := v.of(cty.Number, kind, "such a number, without quotes")
	if !ok {
		return 0, false
	}
	n, exact := got.AsBigFloat().Int64()
	if exact != big.Exact || n < int64(low) || n > int64(high) {
		v.wrong("is not "+kind, "write such a number")
		return 0, false
	}
	return int(n), true
}

// list returns the elements of a list, each by the name of one; example is how
// to write the list.
func (v value) list(one, example string) ([]value, bool) {
	tuple, ok := v.bare().(*hclsyntax.TupleConsExpr)
	if !ok {
		v.wrong("is not a list", "write "+example)
		return nil, false
	}
	items := make([]value, len(tuple.Exprs))
	for i, expr := range tuple.Exprs {
		items[i] = value{d: v.d, name: one, expr: expr}
	}
	return items, true
}

// The functions below make the readers of settings that need nothing special.

func boolean(to *bool) func(value) {
	return func(v value) {
		if got, ok := v.of(cty.Bool, "true or false", "true or false, without quotes"); ok {
			*to = got.True()
		}
	}
}

func whole[T ~int | ~uint16](to *T, low, high int) func(value) {
	return func(v value) {
		if n, ok := v.whole(low, high); ok {
			*to = T(n)
		}
	}
}

// duration reads a duration within low and high.
func duration(to *time.Duration, low, high time.Duration) func(value) {
	return func(v value) {
		text, ok := v.text("a duration", short(max(low, min(time.Second, high))))
		if !ok {
			return
		}
		got, err := time.ParseDuration(text)
		switch {
		case err != nil:
			v.wrong("is not a duration", `write a number with its unit, such as "800ms", "30s" or "2m"`)
		case got < low || got > high:
			v.wrong(fmt.Sprintf("is not within %s and %s", short(low), short(high)), "write a duration between them")
		default:
			*to = got
		}
	}
}

// short writes a duration as people do: 2m, not 2m0s.
func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// choice reads one of the names.
func choice[T ~string](to *T, names ...T) func(value) {
	return func(v value) {
		text, ok := v.text("one of "+join(names), string(names[0]))
		if !ok {
			return
		}
		if slices.Contains(names, T(text)) {
			*to = T(text)
			return
		}
		remedy := "write one of " + join(names)
		plain := make([]string, len(names))
		for i, name := range names {
			plain[i] = string(name)
		}
		if near := nearest(text, plain); near != "" {
			remedy = fmt.Sprintf("did you mean %s? It can be %s", quote(near), join(names))
		}
		v.wrong("is unknown", remedy)
	}
}

// join lists names for people: "a, b or c".
func join[T ~string](names []T) string {
	var b strings.Builder
	for i, name := range names {
		switch {
		case i > 0 && i == len(names)-1:
			b.WriteString(" or ")
		case i > 0:
			b.WriteString(", ")
		}
		b.WriteString(string(name))
	}
	return b.String()
}

// text reads a text; check, if not nil, tells what is wrong with it.
func text(to *string, kind, example string, check func(string) mistake) func(value) {
	return func(v value) {
		got, ok := v.text(kind, example)
		if ok && (check == nil || !v.mistaken(check(got))) {
			*to = got
		}
	}
}

// path reads a file's name.
func path(to *string) func(value) {
	return func(v value) {
		got, ok := v.text("a file's name", "/etc/ballast/"+v.name)
		switch {
		case ok && got == "":
			v.wrong("is empty", "name a file, or leave the line out")
		case ok:
			*to = beside(v.d.config.File, got)
		}
	}
}
