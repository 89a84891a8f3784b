package container

import "github.com/docker/go-units"

type Resources struct{ Ulimits []*units.Ulimit }
