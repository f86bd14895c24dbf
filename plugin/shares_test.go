package ballast

import (
	"context"
	"fmt"
	"math"
	"testing"

	"github.com/miekg/dns"
)

// sampled counts, over many answers, who stands first and who is in them.
func sampled(t *testing.T, b *Ballast, answers int) (first, in map[string]int) {
	t.Helper()
	first, in = map[string]int{}, map[string]int{}
	w := &benchWriter{remote: benchRemote}
	r := benchQuery("www", dns.TypeA)
	for range answers {
		if _, err := b.ServeDNS(context.Background(), w, r); err != nil {
			t.Fatal(err)
		}
		for i, rr := range w.reply.Answer {
			addr := rr.(*dns.A).A.String()
			if in[addr]++; i == 0 {
				first[addr]++
			}
		}
	}
	return first, in
}

// chiSquareLimit is a value that the chi-square statistic with df degrees of
// freedom exceeds once in a million runs (Wilson and Hilferty's approximation
// with the normal quantile 4.7534).
func chiSquareLimit(df int) float64 {
	k := 2 / (9 * float64(df))
	return float64(df) * math.Pow(1-k+4.7534*math.Sqrt(k), 3)
}

func TestSharesFollowTheWeights(t *testing.T) {
	const draws = 100_000
	for _, tc := range []struct {
		name    string
		answers int
		weights []int
		in      []float64 // expected membership, share of answers
	}{
		{"one answer", 1, []int{4, 2, 1}, []float64{4. / 7, 2. / 7, 1. / 7}},
		{"one answer of many servers", 1, []int{1, 2, 3, 4, 5, 6, 7, 8}, []float64{1. / 36, 2. / 36, 3. / 36, 4. / 36, 5. / 36, 6. / 36, 7. / 36, 8. / 36}},
		{"two answers, alike", 2, []int{1, 1, 1, 1}, []float64{.5, .5, .5, .5}},
		{"two answers by weight", 2, []int{3, 3, 2, 1, 1}, []float64{.6, .6, .4, .2, .2}},
		// Nobody can be in an answer twice: web1 is in all, and the others
		// share the second place by weight.
		{"two answers, one has more than half", 2, []int{4, 2, 1}, []float64{1, 2. / 3, 1. / 3}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			records, total := fmt.Sprintf("www 60 IN LB srv _http._tcp check=none answers=%d\n", tc.answers), 0
			for i, weight := range tc.weights {
				records += fmt.Sprintf("_http._tcp IN SRV 0 %d 80 web%d\nweb%d IN A 192.0.2.%d\n", weight, i+1, i+1, i+1)
				total += weight
			}
			first, in := sampled(t, handler(t, records), draws)
			chi := 0.0
			for i, weight := range tc.weights {
				addr := fmt.Sprintf("192.0.2.%d", i+1)
				expected := draws * float64(weight) / float64(total)
				chi += (float64(first[addr]) - expected) * (float64(first[addr]) - expected) / expected
				near(t, addr+" first", float64(first[addr])/draws, float64(weight)/float64(total))
				near(t, addr+" in", float64(in[addr])/draws, tc.in[i])
			}
			if limit := chiSquareLimit(len(tc.weights) - 1); chi > limit {
				t.Errorf("Chi-square of who is first is %.1f, above %.1f: %v", chi, limit, first)
			}
		})
	}
}

// near checks a share within one percent of all answers: at 100,000 draws that
// is more than six standard deviations.
func near(t *testing.T, what string, got, want float64) {
	t.Helper()
	if math.Abs(got-want) > 0.01 {
		t.Errorf("%s in %.4f of the answers, want %.4f", what, got, want)
	}
}

func TestServersWithoutWeightGetNothing(t *testing.T) {
	b := handler(t, `www 60 IN LB srv _http._tcp check=none answers=1
_http._tcp IN SRV 0 1 80 web1
_http._tcp IN SRV 0 0 80 web2
_http._tcp IN SRV 1 9 80 web3
web1 IN A 192.0.2.1
web2 IN A 192.0.2.2
web3 IN A 192.0.2.3
`)
	if first, _ := sampled(t, b, 1000); first["192.0.2.1"] != 1000 {
		t.Errorf("First of 1000 answers: %v; one server has no weight, one is of a later tier", first)
	}
}
