package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/ballast-lb/ballast/director/config"
)

func checkCommand() *cobra.Command {
	var output string
	c := &cobra.Command{
		Use:   "check FILE",
		Short: "Report every mistake in a configuration, with file and line",
		Long: `check reads a configuration and the files that it names, as the director would,
and reports every mistake with its line and what to do about it. Nothing is
contacted and nothing is changed, so it needs no privileges and can run before a
commit or a reload.

Exits with 1 if there are mistakes.`,
		Example: `  ballast-director check /etc/ballast/director.hcl
  ballast-director check -o json director.hcl | jq -r '.problems[].line'`,
		Args: exactly(1, "the configuration's FILE"),
		RunE: func(c *cobra.Command, args []string) error { return check(c.OutOrStdout(), args[0], output) },
	}
	c.Flags().StringVarP(&output, "output", "o", "text", "text or json")
	c.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{"text", "json"}, cobra.ShellCompDirectiveNoFileComp))
	return c
}

// verdict is what check finds, for other programs.
type verdict struct {
	File     string          `json:"file"`
	OK       bool            `json:"ok"`
	VIPs     int             `json:"vips"`
	Servers  int             `json:"servers"`
	Services int             `json:"services"`
	Problems config.Problems `json:"problems"`
}

// check prints what is wrong with a file. Its error is errShown if that was
// all.
func check(out io.Writer, file, output string) error {
	if output != "text" && output != "json" {
		return usagef("output %q is neither text nor json", output)
	}
	c, err := config.Load(file)
	v := verdict{File: file, OK: err == nil, Problems: config.Problems{}}
	if err != nil && !errors.As(err, &v.Problems) {
		return err
	}
	if err == nil {
		v.count(c)
	}
	if output == "json" {
		encoder := json.NewEncoder(out)
		encoder.SetIndent("", "  ")
		encoder.SetEscapeHTML(false)
		err = encoder.Encode(v)
	} else {
		_, err = fmt.Fprintln(out, v)
	}
	if err == nil && !v.OK {
		err = errShown
	}
	return err
}

func (v *verdict) count(c *config.Config) {
	v.VIPs = len(c.VIPs)
	for _, vip := range c.VIPs {
		v.Servers += len(vip.Servers) + len(vip.Fallback)
		if vip.Service != nil {
			v.Services++
		}
	}
}

func (v verdict) String() string {
	if !v.OK {
		return v.Problems.Error()
	}
	s := fmt.Sprintf("%s: ok: %s, %s", v.File, count(v.VIPs, "VIP"), count(v.Servers, "server"))
	if v.Services > 0 {
		s += ", " + count(v.Services, "service") + " in Consul"
	}
	return s
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
