package main

import (
	"github.com/spf13/cobra"

	"github.com/ballast-lb/ballast/director"
	"github.com/ballast-lb/ballast/director/config"
)

func unloadCommand() *cobra.Command {
	var file, logFormat string
	c := &cobra.Command{
		Use:   "unload -config FILE",
		Short: "Remove the datapath, and with it all connections",
		Long: `unload takes the datapath off every interface, removes the maps and links that
are pinned, and gives back the addresses that the director took. Connections
through it break. It refuses while a director runs on the same state.`,
		Example: `  ballast-director unload -config /etc/ballast/director.hcl`,
		Args:    exactly(0, ""),
		RunE: func(c *cobra.Command, _ []string) error {
			if file == "" {
				return usagef("unload: -config FILE is missing: it says where the state is")
			}
			log, err := newLogger(c.ErrOrStderr(), logFormat)
			if err != nil {
				return err
			}
			cfg, err := config.Load(file)
			if err != nil {
				return err
			}
			return director.Unload(cfg, log)
		},
	}
	c.Flags().StringVar(&file, "config", "", "the configuration's `FILE`")
	c.Flags().StringVar(&logFormat, "log-format", "text", "text or json")
	return c
}
