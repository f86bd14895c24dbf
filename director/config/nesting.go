package config

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// maxNesting is how deep brackets may be nested, and how many operators may
// stand in one setting. HCL's parser calls itself for each, and no
// configuration needs more than three.
const maxNesting = 32

// tooDeep finds the token at which a text becomes too much for the parser.
func tooDeep(tokens hclsyntax.Tokens) (hcl.Range, bool) {
	depth, operators := 0, 0
	for _, token := range tokens {
		switch token.Type {
		case hclsyntax.TokenEqual:
			operators = 0
		case hclsyntax.TokenMinus, hclsyntax.TokenBang, hclsyntax.TokenQuestion, hclsyntax.TokenColon,
			hclsyntax.TokenStar, hclsyntax.TokenDot:
			operators++
		case hclsyntax.TokenCBrace, hclsyntax.TokenCBrack, hclsyntax.TokenCParen,
			hclsyntax.TokenCQuote, hclsyntax.TokenCHeredoc, hclsyntax.TokenTemplateSeqEnd:
			depth = max(0, depth-1)
		default:
			if _, opens := closers[token.Type]; opens {
				depth++
			}
		}
		if depth > maxNesting || operators > maxNesting {
			return token.Range, true
		}
	}
	return hcl.Range{}, false
}
