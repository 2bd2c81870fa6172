{{/* The mesh's services: the key in the values, the object's name, the program, and what it reads besides its settings. */}}
{{- define "hongyan.components" -}}
verify: {name: verify, program: verify-svc, kind: Deployment, catalog: true, keyring: true}
dispatch: {name: dispatch, program: sms-dispatch-svc, kind: Deployment, catalog: true, keyring: true}
carrierLink: {name: carrier-link, program: carrier-link-svc, kind: Deployment, catalog: true, keyring: true}
uplinkRouter: {name: uplink-router, program: uplink-router-svc, kind: Deployment, catalog: true, keyring: true}
audit: {name: audit, program: audit-svc, kind: StatefulSet, catalog: false, keyring: true}
{{- end }}

{{/* The components that are switched on, as YAML of the same shape. The record cannot be switched off. */}}
{{- define "hongyan.enabled" -}}
{{- $root := . }}
{{- $enabled := dict }}
{{- range $key, $component := include "hongyan.components" . | fromYaml }}
{{- if or (eq $key "audit") (get (get $root.Values $key) "enabled") }}
{{- $_ := set $enabled $key $component }}
{{- end }}
{{- end }}
{{- toYaml $enabled }}
{{- end }}

{{/* The release's name for everything. At most 40 characters, so that the longest suffix still fits a DNS label. */}}
{{- define "hongyan.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride }}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" }}
{{- else if contains $name .Release.Name }}
{{- .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "hongyan.selector" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "hongyan.labels" -}}
{{ include "hongyan.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: hongyan
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{/* (dict "root" $ "name" "verify") */}}
{{- define "hongyan.componentSelector" -}}
{{ include "hongyan.selector" .root }}
app.kubernetes.io/component: {{ .name }}
{{- end }}

{{- define "hongyan.componentLabels" -}}
{{ include "hongyan.labels" .root }}
app.kubernetes.io/component: {{ .name }}
{{- end }}

{{- define "hongyan.image" -}}
{{- if .Values.image.digest }}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest }}
{{- else }}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) }}
{{- end }}
{{- end }}

{{- define "hongyan.trustDomain" -}}
{{- .Values.settings.identity.trust_domain }}
{{- end }}

{{- define "hongyan.catalogName" -}}
{{- default (printf "%s-catalog" (include "hongyan.fullname" .)) .Values.catalog.existingConfigMap }}
{{- end }}

{{/* The pod's numbered ports; the names are what Services, probes and policies use. */}}
{{- define "hongyan.grpcPort" -}}8443{{- end }}
{{- define "hongyan.adminPort" -}}9090{{- end }}
