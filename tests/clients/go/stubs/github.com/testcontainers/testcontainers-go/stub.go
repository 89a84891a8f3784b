package testcontainers

import (
	"context"
	"errors"
	"github.com/moby/moby/api/types/container"
	"github.com/testcontainers/testcontainers-go/wait"
	"io"
)

var none = errors.New("no docker")

type P struct{}

func (P) GetProvider() (GenericProvider, error) { return nil, none }

type GenericProvider interface{ Health(context.Context) error }

var ProviderDefault P

type Port struct{}

func (Port) Num() uint16  { return 0 }
func (Port) Port() string { return "" }

type Container interface {
	Logs(context.Context) (io.ReadCloser, error)
	CopyToContainer(context.Context, []byte, string, int64) error
	Host(context.Context) (string, error)
	MappedPort(context.Context, string) (Port, error)
	ContainerIP(context.Context) (string, error)
	GetContainerID() string
	Terminate(context.Context, ...int) error
	Exec(context.Context, []string, ...int) (int, io.Reader, error)
}
type ContainerMount struct{}

func BindMount(a, b string) ContainerMount { return ContainerMount{} }

type ContainerRequest struct {
	Image           string
	AlwaysPullImage bool
	Name            string
	ExposedPorts    []string
	WaitingFor      wait.Strategy
	Mounts          []ContainerMount
	Resources       container.Resources
	NetworkMode     string
	Networks        []string
	Env             map[string]string
	Cmd             []string
	Entrypoint      []string
}
type GenericContainerRequest struct {
	ContainerRequest
	Started bool
}

func GenericContainer(context.Context, GenericContainerRequest) (Container, error) { return nil, none }
