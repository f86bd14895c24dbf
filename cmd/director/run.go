package main

import (
	"context"
	"io"

	"github.com/spf13/pflag"

	"github.com/ballast-lb/ballast/director"
	"github.com/ballast-lb/ballast/director/config"
)

// runFlags are those of running.
type runFlags struct {
	config    string
	logFormat string
	keepCaps  bool
}

func (f *runFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.config, "config", "", "the configuration's `FILE`")
	flags.StringVar(&f.logFormat, "log-format", "text", "text or json")
	flags.BoolVar(&f.keepCaps, "keep-capabilities", false, "do not drop what is not needed after the start")
}

// run owns the VIPs of the configuration until ctx ends.
func (f *runFlags) run(ctx context.Context, stderr io.Writer) error {
	log, err := newLogger(stderr, f.logFormat)
	if err != nil {
		return err
	}
	cfg, err := config.Load(f.config)
	if err != nil {
		return err
	}
	reload, stop := hangups()
	defer stop()
	o := director.Options{Config: cfg, Version: version, Log: log, Reload: reload}
	if !f.keepCaps {
		o.Ready = dropCapabilities
	}
	return director.Run(ctx, o)
}
