package config

import (
	"bytes"
	"cmp"
	"slices"
	"sort"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// source is a configuration's text in the form that HCL's parser takes, and
// the way back to the text as written.
type source struct {
	text  []byte
	edits []edit // in order
	lines []int  // offset in the original text at which each line begins
}

// edit puts one line break in: instead of the byte at at, or before it.
type edit struct {
	at      int // offset in the original text
	instead bool
	to      int // offset in the parser's text
	added   int // by how much the parser's text is longer from there on
}

// newSource unfolds the blocks that stand on one line with commas, which HCL
// does not have: "{ a = 1, b = 2 }" becomes a line for each setting. It goes by
// tokens, so that strings and comments stay as they are.
func newSource(original []byte, edits []edit) source {
	slices.SortFunc(edits, func(a, b edit) int { return cmp.Compare(a.at, b.at) })
	s := source{edits: edits, lines: []int{0}}
	for i, b := range original {
		if b == '\n' {
			s.lines = append(s.lines, i+1)
		}
	}
	var out bytes.Buffer
	from, added := 0, 0
	for i, e := range edits {
		out.Write(original[from:e.at])
		edits[i].to = out.Len()
		out.WriteByte('\n')
		if from = e.at; e.instead {
			from++
		} else {
			added++
		}
		edits[i].added = added
	}
	out.Write(original[from:])
	s.text = out.Bytes()
	return s
}

// place is where a byte of the text was in the original: line and column, in
// bytes, from 1.
func (s source) place(offset int) (line, column int) {
	before := sort.Search(len(s.edits), func(i int) bool { return s.edits[i].to >= offset })
	if before > 0 {
		offset -= s.edits[before-1].added
	}
	line = sort.SearchInts(s.lines, offset+1)
	return line, offset - s.lines[line-1] + 1
}

// at is the text of a range.
func (s source) at(r hcl.Range) []byte {
	start, end := max(0, r.Start.Byte), min(r.End.Byte, len(s.text))
	return s.text[min(start, end):end]
}

// scope is what an opening token began.
type scope struct {
	open    int  // index of that token
	body    bool // a block's body, or the file's; else an expression or string
	value   bool // behind the "=" of a setting
	filled  bool // something stands behind the last comma or line break
	several bool // settings stand on lines of their own
	commas  []int
}

// closers tells which token ends what another began.
var closers = map[hclsyntax.TokenType]hclsyntax.TokenType{
	hclsyntax.TokenOBrace:          hclsyntax.TokenCBrace,
	hclsyntax.TokenOBrack:          hclsyntax.TokenCBrack,
	hclsyntax.TokenOParen:          hclsyntax.TokenCParen,
	hclsyntax.TokenOQuote:          hclsyntax.TokenCQuote,
	hclsyntax.TokenOHeredoc:        hclsyntax.TokenCHeredoc,
	hclsyntax.TokenTemplateInterp:  hclsyntax.TokenTemplateSeqEnd,
	hclsyntax.TokenTemplateControl: hclsyntax.TokenTemplateSeqEnd,
}

// folder finds the blocks to unfold.
type folder struct {
	tokens hclsyntax.Tokens
	scopes []scope // the innermost last
	edits  []edit
}

func unfold(tokens hclsyntax.Tokens) []edit {
	f := folder{tokens: tokens, scopes: []scope{{body: true, several: true}}}
	for i, token := range tokens {
		f.take(i, token)
	}
	return f.edits
}

func (f *folder) take(i int, token hclsyntax.Token) {
	top := &f.scopes[len(f.scopes)-1]
	if _, opens := closers[token.Type]; opens {
		top.filled = true
		f.scopes = append(f.scopes, scope{
			open: i, body: top.body && !top.value && token.Type == hclsyntax.TokenOBrace,
		})
		return
	}
	if len(f.scopes) > 1 && token.Type == closers[f.tokens[top.open].Type] {
		f.close(i, *top)
		f.scopes = f.scopes[:len(f.scopes)-1]
		return
	}
	if top.body {
		top.take(i, token)
	}
}

// take follows a body's own tokens.
func (s *scope) take(i int, token hclsyntax.Token) {
	switch token.Type {
	case hclsyntax.TokenNewline:
		s.several, s.value, s.filled = true, false, false
	case hclsyntax.TokenComment:
		if bytes.HasSuffix(token.Bytes, []byte("\n")) {
			s.several, s.value, s.filled = true, false, false
		}
	case hclsyntax.TokenComma:
		// A comma with nothing before it is left for the parser to refuse.
		s.several = s.several || !s.filled
		s.commas = append(s.commas, i)
		s.value, s.filled = false, false
	case hclsyntax.TokenEqual:
		s.value, s.filled = true, true
	default:
		s.filled = true
	}
}

// close ends a scope at the token i, which closes it.
func (f *folder) close(i int, s scope) {
	if !s.body || s.several || len(s.commas) == 0 {
		return
	}
	f.edits = append(f.edits, edit{at: f.tokens[s.open].Range.End.Byte}, edit{at: f.tokens[i].Range.Start.Byte})
	for _, comma := range s.commas {
		f.edits = append(f.edits, edit{at: f.tokens[comma].Range.Start.Byte, instead: true})
	}
}
