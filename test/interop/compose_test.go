package interop

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
)

// Docker-compose.yml is read by the library that `docker compose` itself reads it with, as there may be no Docker here.
func TestCompose(t *testing.T) {
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	options, err := cli.NewProjectOptions([]string{filepath.Join(root, "docker-compose.yml")}, cli.WithName("octo-sts"))
	if err != nil {
		t.Fatal(err)
	}
	project, err := options.LoadProject(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	service, err := project.GetService("octo-sts")
	if err != nil {
		t.Fatal(err)
	}
	if !service.ReadOnly || !slices.Contains(service.CapDrop, "ALL") || !slices.Contains(service.SecurityOpt, "no-new-privileges:true") {
		t.Errorf("the container is not confined: read_only %t, cap_drop %v, security_opt %v", service.ReadOnly, service.CapDrop, service.SecurityOpt)
	}
	if service.Build == nil || filepath.Join(service.Build.Context, service.Build.Dockerfile) != filepath.Join(root, "deploy", "Dockerfile") {
		t.Errorf("it is not built from deploy/Dockerfile: %+v", service.Build)
	}
	if len(service.Ports) != 1 || service.Ports[0].Target != 8080 || service.Ports[0].HostIP != "127.0.0.1" {
		t.Errorf("the ports are %+v, want 8080 on loopback", service.Ports)
	}
}
