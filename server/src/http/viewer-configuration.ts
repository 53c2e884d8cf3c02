/** Where the viewer's parts are on this server. */
export const PLUGINS = { extension: '/plugins/hepar-extension.js', mode: '/plugins/hepar-mode.js' } as const;

/**
 * The viewer's app-config.js: one data source, this server's own origin, and our extension and mode as modules that the
 * viewer loads when it starts.
 */
export function viewerConfiguration(): string {
  const configuration = {
    name: 'hepar',
    routerBasename: null,
    showStudyList: true,
    extensions: [PLUGINS.extension],
    modes: [PLUGINS.mode],
    customizationService: {},
    groupEnabledModesFirst: true,
    showWarningMessageForCrossOrigin: false,
    showCPUFallbackMessage: true,
    showLoadingIndicator: true,
    strictZSpacingForVolumeViewport: true,
    showErrorDetails: 'production',
    maxNumberOfWebWorkers: 3,
    maxNumRequests: { interaction: 100, thumbnail: 5, prefetch: 25 },
    defaultDataSourceName: 'dicomweb',
    dataSources: [
      {
        namespace: '@ohif/extension-default.dataSourcesModule.dicomweb',
        sourceName: 'dicomweb',
        configuration: {
          friendlyName: 'Archive',
          name: 'dicomweb',
          qidoRoot: '/dicom-web',
          wadoRoot: '/dicom-web',
          wadoUriRoot: '/wado',
          qidoSupportsIncludeField: false,
          supportsFuzzyMatching: false,
          supportsWildcard: true,
          imageRendering: 'wadors',
          thumbnailRendering: 'wadors',
          enableStudyLazyLoad: true,
          omitQuotationForMultipartRequest: true,
          dicomUploadEnabled: false,
          bulkDataURI: { enabled: true, relativeResolution: 'studies' },
        },
      },
    ],
  };
  return `window.config = ${JSON.stringify(configuration, null, 2)};\n`;
}
