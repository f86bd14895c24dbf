package main

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/ballast-lb/ballast/agent"
	"github.com/ballast-lb/ballast/agent/load"
	"github.com/ballast-lb/ballast/internal/pool"
)

// once is one sample and the load that it alone would be.
type once struct {
	load.Sample
	Load   *float64          `json:"load,omitempty"`
	Errors map[string]string `json:"errors,omitempty"`
}

func sampleCommand(o *options) *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "sample",
		Short: "Measure once, print what was found, and exit",
		Long: `sample measures over --interval and prints what the agent would start from,
unsmoothed. What cannot be measured here is shown as "-".`,
		Example: "  ballast-agent sample --port 8080 --app http://127.0.0.1:8080/load\n  ballast-agent sample -o json",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if output != "table" && output != "json" {
				return usageError{fmt.Errorf("output %q is neither table nor json", output)}
			}
			sampler, err := load.New(o.measure)
			if err != nil {
				return usageError{err}
			}
			sampler.Sample(cmd.Context(), time.Now())
			select {
			case <-cmd.Context().Done():
				return cmd.Context().Err()
			case <-time.After(o.agent.Interval):
			}
			at := time.Now()
			sample, troubles := sampler.Sample(cmd.Context(), at)
			result := newOnce(at, sample, troubles, o.agent.MaxConnections)
			if output == "json" {
				enc := json.NewEncoder(cmd.OutOrStdout())
				enc.SetIndent("", "  ")
				return enc.Encode(result)
			}
			return result.table(cmd.OutOrStdout())
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "table", "table or json")
	return cmd
}

func newOnce(at time.Time, sample load.Sample, troubles load.Troubles, maxConnections int) once {
	o := once{Sample: sample, Errors: map[string]string{}}
	value, _, ok := (&agent.Smoothing{MaxConnections: maxConnections}).Add(at, sample)
	if ok {
		o.Load = &value
	}
	for name, err := range troubles {
		o.Errors[name] = err.Error()
	}
	return o
}

func (o once) table(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "SIGNAL\tVALUE\tMEANING")
	connections := "-"
	if o.Connections != nil {
		connections = fmt.Sprint(*o.Connections)
	}
	for _, row := range []struct{ name, value, meaning string }{
		{"load", share(o.Load), fmt.Sprintf("what the agent would report, 0..%d; 1 is full", pool.MaxLoad)},
		{load.SignalCPU, share(o.CPU), fmt.Sprintf("busy share of %d cores", o.Cores)},
		{"run queue", share(o.RunQueue), "runnable tasks per core"},
		{load.SignalPSI, share(o.PSI), "share of time in which some task waited for CPU"},
		{load.SignalConnections, connections, "established connections of the service's port"},
		{load.SignalApplication, share(o.Application), "what the application says"},
	} {
		fmt.Fprintf(w, "%s\t%s\t%s\n", row.name, row.value, row.meaning)
	}
	for _, name := range load.Signals() {
		if text := o.Errors[name]; text != "" {
			fmt.Fprintf(w, "%s\terror\t%s\n", name, text)
		}
	}
	return w.Flush()
}

func share(v *float64) string {
	if v == nil {
		return "-"
	}
	return fmt.Sprintf("%.3f", *v)
}
