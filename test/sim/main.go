package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"

	"github.com/ballast-lb/ballast/test/sim/world"
)

// options are what the command is told.
type options struct {
	seed0, seeds int
	het          []int
	who          []subject
	floor        float64
	hours        float64
	quick        bool
	out          string
}

func main() {
	o, err := parse(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "sim:", err)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := o.run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "sim:", err)
		os.Exit(1)
	}
}

const usage = `Usage: sim [flags]

Without -het, -policies or -floor it makes the whole report; with one of them a
table of just that. Policies are those of LB records, and:
  oracle  knows all sessions, and is not cached: a ceiling
  ideal   clients are spread evenly over resolvers (an optimistic bound)
  NAME:2  NAME with two addresses in an answer

`

func parse(args []string) (*options, error) {
	o := &options{}
	f := flag.NewFlagSet("sim", flag.ExitOnError)
	f.Usage = func() { fmt.Fprint(f.Output(), usage); f.PrintDefaults() }
	f.IntVar(&o.seed0, "seed0", 201, "first seed; 1 to 100 were looked at while the policy was made")
	f.IntVar(&o.seeds, "seeds", 0, "worlds for each figure (default 20, and 6 outside of the papers' world)")
	het := f.String("het", "", "levels of heterogeneity, of 20, 35, 50, 65")
	who := f.String("policies", "", "policies to compare, like rr,drr2-ttlsk,headroom,headroom:2")
	f.Float64Var(&o.floor, "floor", 0, "least TTL of all resolvers, in seconds")
	f.Float64Var(&o.hours, "hours", 5, "simulated hours of each world, the first half hour not counted")
	f.BoolVar(&o.quick, "quick", false, "a small table: 35 % and 65 %, three worlds each")
	f.StringVar(&o.out, "out", "", "directory for the report (default: print the table)")
	if err := f.Parse(args); err != nil {
		return nil, err
	}
	if f.NArg() > 0 {
		return nil, fmt.Errorf("%q is no flag; see -help", f.Arg(0))
	}
	return o, o.read(*het, *who)
}

// read takes the lists, and checks ranges.
func (o *options) read(het, who string) (err error) {
	if o.seeds < 0 || o.seed0 < 0 || o.hours <= 0.5 || o.floor < 0 {
		return fmt.Errorf("seeds, seed0 and floor must not be negative, and hours be above 0.5")
	}
	for word := range strings.SplitSeq(het, ",") {
		if word == "" {
			continue
		}
		level, err := strconv.Atoi(word)
		if _, ok := world.Heterogeneity[level]; err != nil || !ok {
			return fmt.Errorf("heterogeneity %q is none of 20, 35, 50, 65", word)
		}
		o.het = append(o.het, level)
	}
	if who != "" {
		o.who, err = parseSubjects(who)
	}
	return err
}
