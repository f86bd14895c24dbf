package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ballast-lb/ballast/agent"
)

// usageError is a mistake in flags or environment.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func isUsage(err error) bool { return errors.As(err, new(usageError)) }

const long = `ballast-agent speaks for one real server. It measures the server's load and
tells it on three channels:

  - the TTL check of the service in Consul: passing; warning while overloaded;
    critical when the agent stops, or when nothing was heard for --ttl
  - the service's Meta in Consul: load in steps of 0.05, connections and boot
    id, written only when they change and about every --publish-every at most
  - GET /v1/report and /metrics at --listen, and a HAProxy agent-check at
    --haproxy-listen, for whoever asks more often

The load is the worst of the CPU's busy share, half the run queue per core, and
connections over --max-connections; with --app or --app-file it is what the
application says.

Every flag can be given in the environment: --publish-every is
BALLAST_AGENT_PUBLISH_EVERY. A flag given wins.`

const example = `  # register "web" on port 8080, four times the size of a server of capacity 1
  ballast-agent --service web --port 8080 --address 192.0.2.11 --capacity 4

  # the service is registered already (by a file, Nomad, ...): only add to it
  ballast-agent --decorate web-1 --port 8080

  # let the application tell its own load, and check it too
  ballast-agent --service web --port 8080 \
      --app http://127.0.0.1:8080/load --check http:/healthz

  # no Consul: HAProxy asks for the weight, Prometheus for the metrics
  ballast-agent --no-consul --port 8080 --haproxy-listen 192.0.2.11:9156

  # take the server out, and put it back
  touch /run/ballast-agent/drain; rm /run/ballast-agent/drain
  ballast-agent --service web --port 8080 --drain-file /run/ballast-agent/drain

  # look once at what would be measured
  ballast-agent sample --port 8080

Exit codes: 0 after a signal, 1 on trouble, 2 for a mistake in flags.`

// newCommand builds the command line. getenv supplies the flags' values where
// they are not given.
func newCommand(getenv func(string) string) *cobra.Command {
	o := defaultOptions()
	root := &cobra.Command{
		Use:           "ballast-agent --service NAME | --decorate ID | --no-consul",
		Short:         "Tell how loaded this real server is",
		Long:          long,
		Example:       example,
		Version:       version,
		Args:          noArgs,
		SilenceErrors: true,
		SilenceUsage:  true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			return fromEnvironment(cmd.Flags(), getenv)
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			log, err := newLogger(cmd.ErrOrStderr(), o.logFormat)
			if err != nil {
				return err
			}
			cfg, err := o.config(log, time.Now())
			if err != nil {
				return usageError{err}
			}
			if err := cfg.Validate(); err != nil {
				return usageError{err}
			}
			return agent.Run(cmd.Context(), cfg)
		},
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	o.measureFlags(root.PersistentFlags())
	o.flags(root.Flags())
	root.AddCommand(sampleCommand(o))
	root.CompletionOptions.HiddenDefaultCmd = true
	return root
}

func noArgs(_ *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usageError{fmt.Errorf("what is %q? all settings are flags: see --help", args[0])}
	}
	return nil
}

// fromEnvironment sets the flags that were not given from BALLAST_AGENT_*.
func fromEnvironment(flags *pflag.FlagSet, getenv func(string) string) error {
	var errs []error
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Changed || f.Name == "help" || f.Name == "version" {
			return
		}
		name := "BALLAST_AGENT_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		if value := getenv(name); value != "" {
			if err := flags.Set(f.Name, value); err != nil {
				errs = append(errs, fmt.Errorf("environment %s=%q: %w", name, value, err))
			}
		}
	})
	if len(errs) > 0 {
		return usageError{errors.Join(errs...)}
	}
	return nil
}

func newLogger(w io.Writer, format string) (*slog.Logger, error) {
	switch format {
	case "text":
		return slog.New(slog.NewTextHandler(w, nil)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(w, nil)), nil
	}
	return nil, usageError{fmt.Errorf("log-format %q is neither text nor json", format)}
}
