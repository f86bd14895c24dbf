package config

import "strings"

// nearest is the candidate that a word was most likely meant to be, or "".
func nearest(word string, candidates []string) string {
	best, limit := "", 1+len(word)/4
	for _, c := range candidates {
		if d := distance(word, c); d < limit || d == limit && best == "" {
			best, limit = c, d
		}
	}
	if best != "" || len(word) < 3 {
		return best
	}
	for _, c := range candidates { // token for token_file, servers2 for servers
		if strings.HasPrefix(c, word) || strings.HasPrefix(word, c) && len(c) > 3 {
			return c
		}
	}
	return ""
}

// maxWord is the longest word that is compared, in bytes.
const maxWord = 40

// distance counts the insertions, deletions and replacements between two
// words, with a swap of neighbours as one (optimal string alignment).
func distance(a, b string) int {
	if len(a) > maxWord || len(b) > maxWord {
		return maxWord
	}
	var before, last, row [maxWord + 1]int
	for j := range last {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		before, last = last, row
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
	}
	return row[len(b)]
}
